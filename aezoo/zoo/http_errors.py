"""HTTP errors: what the Hub's client raises -> errors of ours. None holds a token, or a signed address."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from typing import Any

from aezoo.errors import AezooError, HubError, NotFound, RunFailed, UsageError
from aezoo.names import inert
from aezoo.zoo.address import Remote

#: What the operating system reports where no file can be written.
UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.ENOSPC})
#: What the client raises where an answer is of another form than it relies on: `{}`, null, a page.
NO_ANSWER = (KeyError, TypeError, AttributeError, IndexError, json.JSONDecodeError, UnicodeDecodeError)


def translate(
    error: Exception, endpoint: str, wanted: Remote | None, *, writing: bool = False, revisions: str = ""
) -> AezooError:
    """What one of the client's errors means to a user, and what to do about it.

    Args:
        error: Whatever the client and the libraries beneath it raised.
        endpoint: Address of the Hub.
        wanted: The repository that it was about, if it was about one.
        writing: Whether something was to be published.
        revisions: What to say of a revision that is not there.
    """
    from huggingface_hub import errors

    where = wanted.repo if wanted else endpoint
    if isinstance(error, errors.GatedRepoError):
        hint = f"ask for access at {endpoint}/{where}, then log in: `hf auth login`, or HF_TOKEN"
        return HubError(f"{where} is gated: its owner decides who may have it", hint=hint)
    if isinstance(error, errors.RepositoryNotFoundError):
        return NotFound(f"{where}: the Hub has no such model, or does not show it", hint=_who(writing))
    if isinstance(error, errors.RevisionNotFoundError) and wanted:
        return NotFound(f"{where} has no revision {wanted.revision!r}", hint=revisions)
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{where}: {_words(error)}")
    for answer in _chain(error):
        if isinstance(answer, errors.HfHubHTTPError):
            return _answered(answer, where, writing=writing)
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        message = f"{where} was not fetched: {error.strerror}" + (f": {error.filename}" if error.filename else "")
        hint = "AEZOO_HOME names another folder for models, TMPDIR for what is looked at, HF_HOME for logins"
        return RunFailed(message, hint=hint)
    cause = _cause(error)
    if isinstance(cause, NO_ANSWER):
        return unreadable(where, _words(cause))
    return HubError(f"{where}: {_words(cause)}", hint=f"is {endpoint} reachable? then try again")


def unreadable(where: str, what: str) -> HubError:
    """The error of an answer that is none: it says nothing of what is there."""
    hint = "try again later, or over another network; is HF_ENDPOINT right?"
    return HubError(f"{where}: what the Hub answers cannot be read: {what}", hint=hint)


def _answered(error: Any, where: str, *, writing: bool) -> AezooError:
    """Of an HTTP status."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    message = printable(getattr(error, "server_message", "") or "")
    reason = f": {message}" if message else ""
    if status in (401, 403):
        return HubError(f"{where}: the Hub refuses ({status}){reason}", hint=_who(writing))
    if status == 412:
        return HubError(f"{where} was changed by somebody else meanwhile", hint="look at what changed, then push again")
    if status == 429:
        return HubError(f"{where}: too many requests (429)", hint="wait some minutes, then try again")
    return HubError(f"{where}: the Hub answers {status or 'nothing'}{reason}", hint="try again later")


def _who(writing: bool) -> str:
    if _token() is None:
        return "no token was used: log in with `hf auth login`, or set HF_TOKEN"
    may = "the token in use may not write there" if writing else "the token in use may not see it"
    return f"check the name; or {may}: `hf auth whoami` says whose it is"


def _cause(error: BaseException) -> BaseException:
    """What lies beneath: the client wraps the error of a connection in one about its own cache."""
    return [*_chain(error)][-1]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that lies beneath it."""
    while error is not None:
        yield error
        error = error.__cause__


def _words(error: BaseException) -> str:
    lines = str(error).splitlines()
    # What stands in an address behind the question mark opens what it leads to.
    first_line = printable(re.sub(r"\?[^\s'\")]+", "", lines[0][:2000])) if lines else ""
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def printable(text: str) -> str:
    """The beginning of a text from the Hub, without the token, should it hold that."""
    clean = inert(text, 2000)
    secret = _token()
    return (clean.replace(secret, "<token>") if secret else clean)[:200]


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def holds_token(error: BaseException | None) -> bool:
    """Whether an error, or one beneath it, holds the token: a server may repeat it."""
    secret = _token()
    while error is not None and secret:
        if secret in str(error) or secret in repr(error):
            return True
        error = error.__cause__ or error.__context__
    return False
