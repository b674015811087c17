"""Zoo: where models come from and where they go. Names, files and hashes; a push imports PyTorch, to try the model.

    address ──> embedded ───────────────┐
        │                               ├──> folder ──verification──> spec      listing: what is there, as rows
        └──> cache <──pull── client ────┘       │
                                                └──push──> client

address      how a user names a model: a folder, a name of the zoo, owner/name@revision
embedded     the models in the wheel
cache        the models that were pulled
client       the one module that speaks to the Hub, through huggingface_hub
hashes       the hashes that the Hub lists, and whether a file has them
http_errors  what the client's errors mean to a user
http_limits  what a conversation with a Hub may take, whatever the other side sends
http_body    the body of a reply, counted as it comes
licences     what the Hub takes for a licence
outcome      what a push has published by the time that something fails
pulling, pushing, loading, listing   the verbs

What a model's folder holds, its lock file and its checks are in `aezoo.storage`.
"""
