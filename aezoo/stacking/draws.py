"""Draws of a pass: recorded once, then made for each of many runs from its own generators, and handed to one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

from aezoo.nn.objective import Noise

#: Functions that draw a tensor of a shape that their arguments say: what a pass may draw by, to be made in its stead.
FACTORIES = frozenset({torch.randn, torch.rand, torch.randint})


class Unstackable(Exception):
    """Runs that cannot be trained as one; the message says why, in one line."""


class Draw(NamedTuple):
    """One draw of a pass.

    Attributes:
        function: One of `FACTORIES`.
        arguments: Its positional arguments.
        settings: Its others, without the generator.
        stream: Field of `Noise` whose generator it draws from; None for the global one.
    """

    function: Callable[..., Tensor]
    arguments: tuple[Any, ...]
    settings: dict[str, Any]
    stream: str | None

    def make(self, noise: Noise) -> Tensor:
        """The draw, from the generators of a run."""
        generator: Generator | None = None if self.stream is None else getattr(noise, self.stream)
        return self.function(*self.arguments, **self.settings, generator=generator)


class Recorder(TorchFunctionMode):
    """Notes what the pass within draws.

    Args:
        noise: The generators that the pass is given.

    Attributes:
        draws: In their order.
    """

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self.noise = noise
        self.draws: list[Draw] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        settings = dict(kwargs or {})
        generator = settings.get("generator")
        if func in FACTORIES:
            self.draws.append(Draw(func, args, _without_generator(settings), self._stream(generator)))
        elif generator is not None:
            raise Unstackable(f"it draws by {_name(func)}")
        return func(*args, **settings)

    def _stream(self, generator: Generator | None) -> str | None:
        if generator is None:
            return None
        for name, known in self.noise._asdict().items():
            if known is generator:
                return name
        raise Unstackable("it draws from a generator of its own")


class Replayer(TorchFunctionMode):
    """Gives the pass within, in place of each draw, one that was made before.

    Args:
        draws: As they were recorded.
        values: One for each.
    """

    def __init__(self, draws: Sequence[Draw], values: Iterable[Tensor]) -> None:
        super().__init__()
        self._expected = iter(draws)
        self._values = iter(values)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in FACTORIES:
            return func(*args, **(kwargs or {}))
        expected = next(self._expected, None)
        if expected is None or (func, args, _without_generator(kwargs or {})) != expected[:3]:
            raise Unstackable("it draws otherwise from pass to pass")
        return next(self._values)


def _without_generator(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "generator"}


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", function))
