"""Zoo: where models come from and where they go. Names, files and hashes; torch wakes to try a model before a push.

    address ──> embedded ──────────────┐
        │                              ├──> folder ──examine──> spec        listing: what is there, as rows
        └──> store <──pull── hub ──────┘       │
                                               └──push──> hub

layout      the files that a model's folder may hold: all that is ever pushed or fetched
address     what a person calls a model: a folder, a name of the zoo, owner/name@revision
lock        where a folder came from, and the hash of each of its files
examination all that can be said against a folder before torch wakes
embedded    the models in the wheel
store       the models that were pulled
hub         the one module that speaks to the Hub, through its client
complaints  what the client's errors mean to a user
guard       what a conversation with a Hub may take, whatever the other side sends
inert       a stranger's words, made harmless for a terminal
licences    what the Hub takes for a licence
pulling, pushing, listing   the verbs
"""
