"""Outcome: what a push has published by the time that something fails.

From the request that makes the commit on, every message says whether the model is, or may be, on the Hub for others to
see, and where to look: whoever reads "error" must not think that nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aezoo.errors import AezooError, HubError, Interrupted, Refused, RunFailed
from aezoo.zoo.address import Remote
from aezoo.zoo.client import Hub

AGAIN = "the same command again goes on from there"
TAGS = "the same command again sets the tag"


class Outcome:
    """What is known of a commit, from before it is requested until all that follows it is done.

    Args:
        hub: Where it is made.
        base: The repository, at the commit that it stands upon.
        private: Whether nobody else may see it.
        request: Whether it is a pull request.
        tag: That it is to have; empty once it has it.
    """

    def __init__(self, hub: Hub, base: Remote, *, private: bool, request: bool, tag: str) -> None:
        self.hub = hub
        self.base = base
        self.private = private
        self.request = request
        self.tag = tag
        self.commit = ""
        self.hidden = False
        self.tag_is_taken = False

    @contextmanager
    def stated(self) -> Iterator[None]:
        """Let every error that leaves say what is published."""
        try:
            yield
        except KeyboardInterrupt as error:
            raise Interrupted(f"interrupted; {self._state()}", hint=self._hint("")) from error
        except AezooError as error:
            error.message = f"{error.message}; {self._state()}"
            error.args = (error.message,)
            error.hint = self._hint(error.hint)
            raise
        except OSError as error:
            raise RunFailed(f"{error}; {self._state()}", hint=self._hint("")) from error

    def refuse_public(self) -> None:
        """Before the commit: refuse a repository that everybody can see. Raises `Refused`, `HubError`."""
        if self.private and not self.hub.private(self.base):
            message = f"{self.base.repo} was made public meanwhile"
            raise Refused(message, hint="make it private in its settings on the Hub, or leave --private out")

    def look_again(self) -> None:
        """After the commit: whether it is still shown to its owner alone. Raises `Refused`, `HubError`."""
        if not self.private:
            return
        self.hidden = self.hub.private(self.base)
        if not self.hidden:
            hint = f"make it private again, or delete it, at {self._page()}/settings"
            raise Refused(f"{self.base.repo} was made public meanwhile: everybody can see the model", hint=hint)

    def set_tag(self) -> None:
        """Give the commit its tag, and see that it has it. Raises `Refused`, `HubError`."""
        if not self.tag:
            return
        made, failure = self.base.at(self.commit), None
        try:
            self.hub.tag(made, self.tag)
        except AezooError as error:
            failure = error
        try:
            tagged = self.hub.tags(made).get(self.tag)
        except AezooError as error:
            raise failure or error from error
        if tagged == self.commit:  # by us, or by whoever was faster
            self.tag = ""
        elif tagged is not None:
            self.tag_is_taken = True
            message = f"{made.repo} has a tag {self.tag!r} already, at {tagged[:12]}"
            raise Refused(message, hint="push again with the next version as its tag")
        else:
            raise failure or HubError(f"{made.repo}: the Hub took the tag {self.tag!r}, and does not show it")

    # --- in words -----------------------------------------------------------------------------------------

    @property
    def _open(self) -> bool:
        """Whether a commit is there, or may be."""
        return bool(self.commit) or self.hub.unsettled

    def _state(self) -> str:
        if not self._open:
            return "nothing was published"
        seen = "private" if self.hidden else "and may be public"
        tag = f", without its tag {self.tag!r}" if self.tag else ""
        where = f"{self.base.repo}@{self.commit}" if self.commit else self.base.repo
        if self.request:
            return f"{where} is proposed, {seen}" if self.commit else f"it may be proposed to {where}, {seen}"
        if self.commit:
            return f"{where} is published, {seen}{tag}"
        return f"{where} may be published all the same, {seen}{tag}"

    def _hint(self, hint: str) -> str:
        if not self._open:
            return hint
        name = f"{self.base.repo}@{self.commit}" if self.commit else self.base.repo
        look = f"look at {self._page()}{'/discussions' if self.request else ''}"
        if self.commit or not self.request:
            look += f", or `aezoo pull {name}`"
        if self.commit and self.tag and not self.tag_is_taken:
            return "; ".join(part for part in (look, hint, TAGS) if part)
        return f"{look}; {hint or AGAIN}"

    def _page(self) -> str:
        return f"{self.hub.endpoint}/{self.base.repo}"
