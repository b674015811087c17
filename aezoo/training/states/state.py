"""State of a run as a value: plain dicts and lists of tensors and numbers, which go to files and back bit by bit.

What an object needs to go on as if it had never stopped is what its `state()` gives and its `restore(state)` takes.
Tensors in a state are those that the run works with: to be written, or copied, before the next step.

    state --flattened--> document (JSON), tensors by name --rebuilt--> state
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from aezoo.training.distributed.parts import part_of

#: What tells the forms of a document apart: the only key of a table.
_TENSOR, _DICT, _LIST, _TUPLE = "tensor", "dict", "list", "tuple"
#: Of a tensor: that it lies on an accelerator; its axes from the outermost in memory to the innermost, if not in order.
_DEVICE, _ORDER = "device", "order"


class UnknownState(TypeError):
    """A value that no file holds: an object that is no number, text, tensor, list or dict of these."""


class Unfitting(ValueError):
    """A state of something else: other tensors, other shapes, another number of weights."""


def flattened(state: Any, name: str = "") -> tuple[Any, dict[str, Tensor]]:
    """A document of JSON, and the tensors that it names.

    Floats are written by Python's JSON as the shortest text that reads back as the same bits.

    Raises:
        UnknownState: It holds something else than dicts, lists, tuples, tensors, numbers, texts and None.
    """
    if isinstance(state, Tensor):
        return {_TENSOR: name, **_place(state)}, {name: state}
    if state is None or type(state) in (bool, int, float, str):
        return state, {}
    form, items = _items(state, name)
    entries, tensors = [], dict[str, Tensor]()
    for key, value in items:
        document, inner = flattened(value, f"{name}/{key}" if name else str(key))
        entries.append([key, document] if form == _DICT else document)
        tensors |= inner
    return {form: entries}, tensors


def _place(tensor: Tensor) -> dict[str, Any]:
    """How a tensor lies in memory, where a file would give it back in another way: products then round otherwise."""
    place = {} if tensor.device.type == "cpu" else {_DEVICE: True}
    if tensor.is_contiguous():
        return place
    return {**place, _ORDER: sorted(range(tensor.ndim), key=tensor.stride().__getitem__, reverse=True)}


def _placed(tensor: Tensor, place: Mapping[str, Any], device: torch.device) -> Tensor:
    tensor = tensor.to(device) if place.get(_DEVICE) else tensor
    if (order := place.get(_ORDER)) is None:
        return tensor
    back = sorted(range(len(order)), key=order.__getitem__)
    return tensor.permute(order).contiguous().permute(back)


def _items(state: Any, name: str) -> tuple[str, list[tuple[Any, Any]]]:
    if isinstance(state, Mapping) and all(type(key) in (int, str) for key in state):
        return _DICT, [*state.items()]
    if isinstance(state, (list, tuple)):
        return _TUPLE if isinstance(state, tuple) else _LIST, [*enumerate(state)]
    raise UnknownState(f"{name}: a {type(state).__name__} cannot be written to a checkpoint")


def rebuilt(document: Any, tensors: Mapping[str, Tensor], device: torch.device) -> Any:
    """The state again; tensors that were not on the CPU are moved to `device`."""
    if not isinstance(document, dict):
        return document
    if _TENSOR in document:
        return _placed(tensors[document[_TENSOR]], document, device)
    ((form, entries),) = document.items()
    if form == _DICT:
        return {key: rebuilt(value, tensors, device) for key, value in entries}
    values = [rebuilt(value, tensors, device) for value in entries]
    return tuple(values) if form == _TUPLE else values


def copied(state: Any) -> Any:
    """The same state with copies of its tensors: it stays as it is while the run works on."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, Mapping):
        return {key: copied(value) for key, value in state.items()}
    return type(state)(map(copied, state)) if type(state) in (list, tuple) else state


# --- modules -----------------------------------------------------------------------------------------------


def module_state(module: nn.Module) -> dict[str, Tensor]:
    """Every tensor of a module by its name: the state dict, and the buffers that it leaves out."""
    return {name: value.detach() for name, value in _tensors(module)}


@torch.no_grad()
def restore_module(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a module its tensors back; its weights stay where they lie in memory.

    Raises:
        Unfitting: The module has other tensors, or a weight has another shape.
    """
    current = dict(_tensors(module))
    if current.keys() != state.keys():
        raise Unfitting(f"other tensors: {', '.join(sorted(current.keys() ^ state.keys())[:3])}")
    for name, value in state.items():
        tensor = current[name]
        if _alike(tensor, value) or (isinstance(tensor, nn.Parameter) and tensor.shape == value.shape):
            tensor.copy_(part_of(value, tensor))
        elif isinstance(tensor, nn.Parameter):
            raise Unfitting(f"{name} is {list(tensor.shape)}, not {list(value.shape)}")
        else:  # a buffer that was replaced in training, by one of another shape or order
            owner, _, buffer = name.rpartition(".")
            setattr(module.get_submodule(owner), buffer, value.to(tensor.device).clone())


def _alike(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and first.dtype == second.dtype and first.stride() == second.stride()


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    saved = module.state_dict(keep_vars=True)
    for name, value in saved.items():
        if not isinstance(value, Tensor):
            raise UnknownState(f"{name}: a {type(value).__name__} cannot be written to a checkpoint")
        yield name, value
    yield from ((name, buffer) for name, buffer in module.named_buffers() if name not in saved)


# --- optimizers --------------------------------------------------------------------------------------------


def optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """What an optimizer knows: of each weight, by its number, and the settings of each group.

    As `Optimizer.state_dict()`, which would import torch's compiler.
    """
    numbers = {p: i for i, p in enumerate(_weights(optimizer))}
    return {
        "weights": {numbers[p]: dict(known) for p, known in optimizer.state.items()},
        "groups": [
            {name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups
        ],
    }


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimizer back what it knew. Raises `Unfitting`."""
    weights = _weights(optimizer)
    groups = state["groups"]
    if len(groups) != len(optimizer.param_groups) or any(number >= len(weights) for number in state["weights"]):
        raise Unfitting("an optimizer of other weights")
    known: dict[Tensor, Any] = defaultdict(dict)
    for number, values in state["weights"].items():
        weight = weights[number]
        # A count of steps stays on the CPU, unless a fused update wants all on the weight's device.
        known[weight] = {
            name: _copied(_part(value, weight), None if name == "step" and not _is_fused(optimizer) else weight.device)
            for name, value in values.items()
        }
    settings = [{**old, **new} for old, new in zip(optimizer.param_groups, groups, strict=True)]
    # As `load_state_dict` ends: what an optimizer has derived from its state is derived anew.
    optimizer.__setstate__({"state": known, "param_groups": settings})


def _part(value: Any, weight: Tensor) -> Any:
    """What an optimizer knows of a weight: of each number of it, then that of the part that is here."""
    return part_of(value, weight) if isinstance(value, Tensor) and value.shape == weight.shape else value


def _weights(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _is_fused(optimizer: Optimizer) -> bool:
    return any(group.get("fused") or group.get("capturable") for group in optimizer.param_groups)


def _copied(value: Any, device: torch.device | None) -> Any:
    """A copy of what an optimizer knows of a weight, on a device, or where it is."""
    if isinstance(value, Tensor):
        return value.to(device or value.device, copy=True)
    return [_copied(each, device) for each in value] if isinstance(value, list) else value
