"""One part built, and held to what it declares where a plugin wrote it."""

from __future__ import annotations

from typing import Any

from aezoo.spec.component import Component


def made(part: Component, *given: Any, place: str = "") -> Any:
    """What a part builds; of a plugin's part, held at every pass to what the part declares.

    A part that builds others calls this instead of their `build`.

    Args:
        part: The declaration.
        given: What its `build` takes: of a layer, the shape of what it is given.
        place: Of the part in the spec, for messages.
    """
    built = part.build(*given)  # type: ignore[attr-defined]
    if not part.namespace:
        return built
    from aezoo.modules.output_checks import checked  # torch is there by now: the part has built something of it

    return checked(part, built, given, place)
