"""Building one part; the outputs of a plugin's part are checked against what it declares."""

from __future__ import annotations

from typing import Any

from aezoo.spec.component import Component


def made(part: Component, *arguments: Any, key_path: str = "") -> Any:
    """What a part builds; of a plugin's part, checked at every pass against what the part declares.

    A part that builds others calls this instead of their `build`.

    Args:
        part: The declaration.
        arguments: What its `build` takes: of a layer, the input shape.
        key_path: Of the part in the spec, for messages.
    """
    built = part.build(*arguments)  # type: ignore[attr-defined]
    if not part.namespace:
        return built
    from aezoo.modules.output_checks import checked  # torch is there by now: the part has built something of it

    return checked(part, built, arguments, key_path)
