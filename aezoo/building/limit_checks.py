"""Limit checks: a network is checked against the size that its spec declares, or that the limits allow.

The limits are checked on declarations before PyTorch is imported; here, on the meta device, a part is found out that
builds more than it declares.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from aezoo.errors import KeyPath, SpecError
from aezoo.spec.document import Spec
from aezoo.spec.limits import BYTES, Limits, excess, size_of

#: A declaration counts a layer as one; built, a map, its norm, its activation and a dropout are four.
INNER = 4


class SizeCheck:
    """How large a network may be: as its spec declares or as the limits allow, whichever is more.

    Args:
        spec: Declares the network.
        limits: How large a model may be.
    """

    def __init__(self, spec: Spec, limits: Limits) -> None:
        self.own = spec.decoder.type == "layers"
        declared = size_of(spec)
        self.modules = INNER * max(limits.modules, declared.modules)
        self.parameters = max(limits.parameters, declared.parameters)
        self.activations = INNER * max(limits.activations, BYTES * declared.activations)

    def hold(self, network: nn.Module) -> None:
        """Raise `SpecError` if the network has more layers or weights."""
        built = [*leaves(network)]
        if len(built) > self.modules:
            self._refuse("AZ602", built[self.modules][0], "builds {} layers", len(built), "modules")
        total = 0
        for name, parameter in network.named_parameters():
            total += parameter.numel()
            if total > self.parameters:
                self._refuse("AZ603", name, "builds a model of {} weights or more", total, "parameters")

    @contextmanager
    def watch(self, network: nn.Module, batch: int) -> Iterator[None]:
        """Raise `SpecError` as soon as a pass has kept more of each sample of a batch."""
        kept = 0

        def note(name: str, output: Any) -> None:
            nonlocal kept
            kept += BYTES * sum(values.numel() // batch for values in tensors(output))
            if kept > self.activations:
                self._refuse("AZ604", name, "keeps {} of one sample, or more", kept, "activations")

        handles = [
            leaf.register_forward_hook(lambda _, __, output, name=name: note(name, output))
            for name, leaf in leaves(network)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _refuse(self, code: str, module: str, does: str, number: int, name: str) -> None:
        allowed = Limits()._replace(**{name: getattr(self, name)})
        fault = excess(code, self._place(module), f"the part {does}, more than it declares", number, name, allowed)
        raise SpecError([fault._replace(hint=f"its {name}() and build() disagree; tell its author")])

    def _place(self, module: str) -> KeyPath:
        """Where the part stands that a module is of: `encoder.1.conv` is of encoder[1]."""
        stack, index, *_ = (*module.split("."), "")
        if stack == "encoder" and index.isdigit():
            return (stack, int(index))
        return (stack, "layers", int(index)) if stack == "decoder" and self.own and index.isdigit() else (stack,)


def leaves(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that hold no others, by name."""
    for name, module in network.named_modules():
        if next(module.children(), None) is None:
            yield name, module


def tensors(output: Any) -> Iterator[Tensor]:
    """What a module gives: a tensor, or tuples of them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for item in output:
            yield from tensors(item)
