"""Client of the Hub: repositories of models, through huggingface_hub. Nothing else in aezoo speaks to a network.

The client fetches into a folder of ours, never into its own cache, and only what it is asked for by name. What a Hub
says is not trusted: the form of commits, sizes and hashes is checked here, and the bytes by whoever pulls.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from aezoo.errors import AezooError, HubError, Refused, UsageError
from aezoo.hints import did_you_mean
from aezoo.zoo.address import REVISION, Remote
from aezoo.zoo.cache import COMMIT
from aezoo.zoo.hashes import Row
from aezoo.zoo.http_errors import holds_token, printable, translate, unreadable
from aezoo.zoo.http_limits import (
    LATER,
    MOST_BYTES,
    MOST_REQUESTS,
    NO_HUB,
    Conversation,
    HookedFactory,
    conversation,
    hooked,
    loopback,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LIBRARY = "aezoo"
#: What a variable of the client's says if it means yes.
TRUE = frozenset({"1", "on", "yes", "true"})
SHA256 = re.compile(r"[0-9a-f]{64}")
#: How the network is switched on.
ONLINE = "leave out --offline, or unset AEZOO_OFFLINE and HF_HUB_OFFLINE,"
#: How often the client fetches one file at most, when connections break.
_TRIES = 6


class HubWarning(UserWarning):
    """Something about the connection that its user may want to know."""


class SearchResult(NamedTuple):
    """A repository that a search returned; none of it is checked."""

    repo: str
    commit: str
    tags: tuple[str, ...]
    card: dict[str, Any]


def offline() -> bool:
    """Whether the environment forbids the network."""
    return any(os.environ.get(name, "").lower() in TRUE for name in ("AEZOO_OFFLINE", "HF_HUB_OFFLINE"))


def endpoint() -> str:
    """Address of the Hub: `HF_ENDPOINT`, or the client's own. Raises `UsageError`."""
    address = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if address:
        parts = urlsplit(address)
        # It stands in locks, in messages and in the store's folders.
        if "@" in parts.netloc or parts.scheme not in ("https", "http") or not parts.hostname:
            message = "HF_ENDPOINT is no address of a Hub: https://host, without a name or a password in it"
            raise UsageError(message, hint="HF_TOKEN, or `hf auth login`, says who you are")
        return address
    from huggingface_hub import constants

    return constants.ENDPOINT


class Hub:
    """One Hub, as one user. The token is the client's affair: `HF_TOKEN`, or a stored login."""

    def __init__(self) -> None:
        if offline():
            raise HubError("the network is switched off", hint=f"{ONLINE} to ask the Hub")
        self.endpoint = endpoint()
        #: Whether a commit was requested and no answer said that it was not made.
        self.unsettled = False
        _warn_of_plain(self.endpoint)

    @property
    def api(self) -> HfApi:
        """The client."""
        from importlib.metadata import version

        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, library_name=LIBRARY, library_version=version("aezoo"))

    # --- what is there ------------------------------------------------------------------------------------

    def resolve(self, wanted: Remote) -> str:
        """The commit that a revision is now: one request. Raises `NotFound`, `HubError`, `Refused`."""
        with self._conversation(wanted):
            # The commit alone: the whole description of a repository may be long.
            sha = self.api.model_info(wanted.repo, revision=wanted.revision, expand=["sha"]).sha
        return _commit(sha, wanted)

    def private(self, wanted: Remote) -> bool:
        """Whether a repository is shown to its owner alone. Raises `HubError` where the Hub does not say."""
        with self._conversation(wanted):
            private = self.api.model_info(wanted.repo, expand=["private"]).private
        if not isinstance(private, bool):
            raise HubError(f"{wanted.repo}: the Hub does not say whether it is private", hint=LATER)
        return private

    def rows(self, wanted: Remote, names: Sequence[str]) -> list[Row]:
        """The files of these names that the repository has at a commit: one request, however many it has."""
        path = f"models/{wanted.repo}/paths-info/{quote(wanted.revision, safe='')}"
        listed = self._request("POST", path, wanted, data={"paths": list(names), "expand": False})
        if not isinstance(listed, list):
            raise unreadable(wanted.repo, "no list of files")
        rows = [row for item in listed if (row := _row(item, wanted)) is not None]
        # In the order of `names`, each once, and no others.
        by_name = {row.name: row for row in rows}
        return [by_name[name] for name in names if name in by_name]

    def fetch(self, wanted: Remote, row: Row, folder: Path, *, again: bool = False) -> Path:
        """Fetch one file into a folder; its bytes are not checked yet.

        Args:
            wanted: The repository, at a commit.
            row: The file.
            folder: Of the pull alone: the client keeps notes in it.
            again: Whether to fetch it whatever those notes say.

        Raises:
            HubError: The connection broke.
            Refused: More bytes came than the Hub listed.
        """
        with self._conversation(wanted, most=_TRIES * (row.size + MOST_BYTES // MOST_REQUESTS), size=row.size):
            try:
                self.api.hf_hub_download(
                    wanted.repo,
                    row.name,
                    revision=wanted.revision,
                    local_dir=folder,
                    force_download=again,
                    tqdm_class=_metered(row),
                )
            except OSError as error:
                # Of another length than listed: wrong bytes like any others; the caller fetches them again.
                if not str(error).startswith("Consistency check failed"):
                    raise
        return folder / row.name

    def search(self, text: str | None = None, *, limit: int) -> list[SearchResult]:
        """Models of this library, those pulled most first."""
        params: dict[str, Any] = {"filter": LIBRARY, "sort": "downloads", "limit": limit}
        params["expand"] = ["cardData", "tags", "sha"]
        listed = self._request("GET", "models", None, params=params | ({"search": text} if text else {}))
        if not isinstance(listed, list):
            raise unreadable(self.endpoint, "no list of models")
        return [_search_result(item) for item in listed[:limit] if isinstance(item, dict)]

    def tags(self, wanted: Remote) -> dict[str, str]:
        """The tags of a repository and their commits."""
        refs = self._request("GET", f"models/{wanted.repo}/refs", wanted)
        tags = refs.get("tags") if isinstance(refs, dict) else None
        if not isinstance(tags, list) or not all(_is_tag(tag) for tag in tags):
            raise unreadable(wanted.repo, "no list of tags")
        return {tag["name"]: tag["targetCommit"] for tag in tags}

    def _request(self, method: str, path: str, wanted: Remote | None, **options: Any) -> Any:
        """The JSON that the Hub answers, as it came.

        The client takes an object for an empty list, and refuses all models for one whose card it dislikes.
        """
        from importlib.metadata import version

        from huggingface_hub import get_session
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        with self._conversation(wanted):
            headers = build_hf_headers(library_name=LIBRARY, library_version=version("aezoo"))
            response = get_session().request(method, f"{self.endpoint}/api/{path}", headers=headers, **options)
            hf_raise_for_status(response)
            return response.json()

    # --- what changes it ----------------------------------------------------------------------------------

    def create(self, wanted: Remote, *, private: bool) -> None:
        """Make the repository, if it is not there."""
        with self._conversation(wanted, writing=True):
            self.api.create_repo(wanted.repo, private=private or None, exist_ok=True)

    def commit(
        self,
        wanted: Remote,
        files: Iterable[tuple[str, Path]],
        gone: Iterable[str],
        *,
        message: str,
        request: bool = False,
        ready: Callable[[], None] = lambda: None,
    ) -> tuple[str, str]:
        """Make one commit upon the one that `wanted` is at; returns it, and where its pull request is, if it is one.

        Args:
            wanted: The repository, at the commit that everything was compared with.
            files: Name and path of each file that is new.
            gone: Names that are to go.
            message: Of the commit.
            request: Whether to propose it instead.
            ready: Called once the large files are there, before the commit is requested; if it raises, nothing is
                published.

        Raises:
            HubError: Somebody else pushed meanwhile, or the token may not.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in files]
        removed = [CommitOperationDelete(path_in_repo=name) for name in gone]
        size = sum(one.upload_info.size for one in added)
        with self._conversation(wanted, writing=True, size=size) as talk, _silent():
            try:
                self.api.preupload_lfs_files(wanted.repo, added, create_pr=request, free_memory=False)
                ready()
                made = self.api.create_commit(
                    wanted.repo,
                    [*added, *removed],
                    commit_message=message,
                    parent_commit=wanted.revision,
                    create_pr=request,
                )
            finally:
                self.unsettled = talk.unsettled > 0
        return _commit(made.oid, wanted), printable(made.pr_url or "")

    def tag(self, wanted: Remote, name: str) -> None:
        """Give the commit that `wanted` is at a tag."""
        with self._conversation(wanted, writing=True):
            self.api.create_tag(wanted.repo, tag=name, revision=wanted.revision)

    # --- its errors ---------------------------------------------------------------------------------------

    @contextmanager
    def _conversation(
        self, wanted: Remote | None, *, writing: bool = False, most: int = MOST_BYTES, size: int = 0
    ) -> Iterator[Conversation]:
        """Hold the client to the limits, and turn what it raises into errors of ours; none of them holds a token or an
        address with a secret."""
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            _hook_sessions()
            with conversation(self.endpoint, most, size=size, writing=writing) as talk:
                yield talk
        except (AezooError, KeyboardInterrupt):
            raise
        except Exception as error:  # whatever the client and the libraries beneath it think of
            revisions = self._nearest(wanted) if wanted and isinstance(error, RevisionNotFoundError) else ""
            translated = translate(error, self.endpoint, wanted, writing=writing, revisions=revisions)
            # A server that repeats the token: it must not stand in a traceback.
            raise translated from (None if holds_token(error) else error)

    def _nearest(self, wanted: Remote) -> str:
        try:
            names = [*filter(REVISION.fullmatch, self.tags(wanted)), "main"]
        except AezooError:
            return ""
        return did_you_mean(wanted.revision, names, f"it has {', '.join(names[:8])}")


def _hook_sessions() -> None:
    """Hook the session of the client, and those that it opens in its place after a broken connection."""
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import _http

    # What a program set for its proxy or its certificates has to stay. The client has a public name to set a factory
    # and none to ask for it; without it, a session that is opened in the middle of a call would not be hooked.
    factory = getattr(_http, "_GLOBAL_CLIENT_FACTORY", None)
    if factory is not None and not isinstance(factory, HookedFactory):
        set_client_factory(HookedFactory(factory))
    hooked(get_session())


def _commit(sha: object, wanted: Remote) -> str:
    if not isinstance(sha, str) or not COMMIT.fullmatch(sha):
        message = f"{wanted.repo}: what the Hub sends as a commit is none: {str(sha)[:60]!r}"
        raise Refused(message, hint=NO_HUB)
    return sha


def _row(item: Any, wanted: Remote) -> Row | None:
    """A file that the Hub lists; None for a folder."""
    if not isinstance(item, dict) or item.get("type") not in ("file", "directory"):
        raise unreadable(wanted.repo, "no list of files")
    if item["type"] == "directory":
        return None
    name, size, blob, stored = (item.get(key) for key in ("path", "size", "oid", "lfs"))
    digest = stored.get("oid") if isinstance(stored, dict) else stored
    hashed = digest is None or (isinstance(digest, str) and SHA256.fullmatch(digest))
    if type(size) is not int or size < 0 or not hashed or not COMMIT.fullmatch(str(blob)) or (stored and not digest):
        raise Refused(f"the Hub lists {str(name)[:60]!r} without a size and a hash", hint=NO_HUB)
    return Row(str(name), size, digest, str(blob))


def _is_tag(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(key), str) for key in ("name", "targetCommit"))


def _search_result(item: dict[str, Any]) -> SearchResult:
    tags, card = item.get("tags"), item.get("cardData")
    words = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
    return SearchResult(str(item.get("id")), str(item.get("sha") or ""), words, card if isinstance(card, dict) else {})


def _warn_of_plain(address: str) -> None:
    if urlsplit(address).scheme != "https" and not loopback(address):
        message = f"{address} is not encrypted: others may read the token and change what is fetched"
        warnings.warn(HubWarning(message), stacklevel=4)


def _metered(row: Row) -> Any:
    """A progress bar that ends a download when more comes than was listed; drawn on a terminal only."""
    import sys

    from tqdm.auto import tqdm

    class Metered(tqdm):  # type: ignore[misc]
        """A bar of the kind that the client draws."""

        def __init__(self, *args: Any, **options: Any) -> None:
            self.received = 0.0
            options.pop("name", None)  # of the client's own class
            super().__init__(*args, **{**options, "disable": not sys.stderr.isatty(), "desc": row.name})

        def update(self, n: float | None = 1) -> Any:
            self.received += n or 0
            if self.received > row.size:
                message = f"{row.name}: more came than the {row.size:,} bytes that the Hub listed"
                raise Refused(message, hint=NO_HUB)
            return super().update(n)

    return Metered


@contextmanager
def _silent() -> Iterator[None]:
    """Without the client's bars: it draws them on files and pipes, too."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()
