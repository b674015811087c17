"""Groups of weights: which weight of a run is in which group of its optimizer.

    names_of(objective) --assigned--> the group of each weight --divide--> param_groups of the optimizer

A weight goes by the key path of its part in the spec and by its name in the module: `encoder.0.linear.weight`,
`latent.prior.means`, `objective.critic.0.bias`, `regularizers.tc.0.weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from aezoo.building.builder import assemble, objective_of
from aezoo.errors import Fault, KeyPath, SpecError
from aezoo.model import Model
from aezoo.nn.objective import Objective
from aezoo.spec.document import Spec
from aezoo.spec.kinds import OptimizerSpec, PlayerSpec, ScheduleSpec, turns_of
from aezoo.spec.kinds.parameter_group import ParameterGroupSpec
from aezoo.spec.parts import parts


class Counted(NamedTuple):
    """A group of a player's optimizer, and what is in it.

    Attributes:
        player: Whose.
        group: Its conditions; "the rest" of the weights that are in none.
        tensors: How many.
        weights: Numbers in them.
        rate: The learning rate, or how it differs from that of the optimizer.
        weight_decay: Where the optimizer has one.
    """

    player: str
    group: str
    tensors: int
    weights: int
    rate: str
    weight_decay: float | None


def names_of(objective: Objective) -> dict[nn.Parameter, str]:
    """The name of each weight, once: a tied one goes by that of the encoder."""
    terms = sorted(objective.terms.regularizers)
    return {p: _renamed(name, terms) for name, p in objective.named_parameters()}


def _renamed(name: str, terms: Sequence[str]) -> str:
    stage, _, rest = name.partition(".")
    if stage == "model":
        return f"latent.{rest}" if rest.startswith("prior.") else rest
    if stage == "regularizers":
        index, _, rest = rest.partition(".")
        return f"regularizers.{terms[int(index)]}.{rest}"
    return f"objective.{rest}" if stage == "loss_terms" else name


def assigned(
    groups: Sequence[ParameterGroupSpec], parameters: Sequence[nn.Parameter], names: Mapping[nn.Parameter, str]
) -> list[int | None]:
    """The position of the first group that each weight is in; None for one that is in none."""
    return [next((i for i, group in enumerate(groups) if _holds(group, p, names[p])), None) for p in parameters]


def _holds(group: ParameterGroupSpec, parameter: nn.Parameter, name: str) -> bool:
    placed = not group.on or any(name.startswith(f"{place}.") for place in group.places)
    named = not group.names or any(fnmatchcase(name, pattern) for pattern in group.patterns)
    kind = "vectors" if parameter.ndim < 2 else "matrices"
    return placed and named and group.weights in ("all", kind)


def divide(optimizer: Optimizer, declared: OptimizerSpec, objective: Objective) -> list[int | None]:
    """Divide the groups that an optimizer has by those that are declared.

    Args:
        optimizer: Before its first step.
        declared: Says how a group's settings differ.
        objective: Says what its weights are called.

    Returns:
        For each group that the optimizer has now, the one that is declared; None for what is in none.
    """
    if not declared.groups:
        return [None] * len(optimizer.param_groups)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    owners = dict(zip(parameters, assigned(declared.groups, parameters, names_of(objective)), strict=True))
    built = [*optimizer.param_groups]
    optimizer.param_groups.clear()
    order: list[int | None] = []
    for settings in built:
        for owner in (None, *range(len(declared.groups))):
            if members := [p for p in settings["params"] if owners[p] == owner]:
                optimizer.add_param_group({**settings, "params": members, **_changes(declared, owner)})
                order.append(owner)
    return order


def _changes(declared: OptimizerSpec, owner: int | None) -> dict[str, float]:
    decay = None if owner is None else declared.groups[owner].weight_decay
    return {} if decay is None else {"weight_decay": decay}


def refuse_empty(spec: Spec, objective: Objective) -> None:
    """Refuse a group that no weight of any player is in.

    Raises:
        SpecError: There is one: the spec means other weights than there are.
    """
    divided = [one for one in _optimizers(spec, objective) if one[2].groups]
    if not divided:
        return
    found: dict[tuple[KeyPath, int], bool] = {}
    names = names_of(objective)
    for player, path, declared in divided:
        owners = assigned(declared.groups, [*objective.parameters_of(player)], names)
        for i in range(len(declared.groups)):
            found[path, i] = found.get((path, i), False) or i in owners
    faults = [_fault((*path, "groups", i), names) for (path, i), holds in found.items() if not holds]
    if faults:
        raise SpecError(faults)


def _fault(path: KeyPath, names: Mapping[nn.Parameter, str]) -> Fault:
    known = [*names.values()]
    shown = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
    message = "no weight is in this group that is not in one before it"
    return Fault(path, "AZ524", message, f"weights are called {shown}; the first group that a weight meets has it")


def _optimizers(spec: Spec, objective: Objective) -> Iterator[tuple[str, KeyPath, OptimizerSpec]]:
    """Each player, the key path of its optimizer, and that."""
    turns = turns_of(spec)
    for player in objective.players:
        declared = turns.get(player, PlayerSpec()).optimizer or spec.training.optimizer
        yield player, next(path for path, part in parts(spec) if part is declared), declared


def counted(spec: Spec) -> list[Counted]:
    """Every group of every player whose optimizer has some, and the rest of its weights last."""
    with torch.device("meta"):  # names and shapes, and no memory
        objective = objective_of(Model(spec, assemble(spec)), steps=1)
    names = names_of(objective)
    rows = []
    for player, _, declared in _optimizers(spec, objective):
        parameters = [*objective.parameters_of(player)]
        owners = assigned(declared.groups, parameters, names)
        for owner in (*range(len(declared.groups)), None) if declared.groups else ():
            members = [p for p, group in zip(parameters, owners, strict=True) if group == owner]
            rows.append(_row(player, declared, owner, members))
    return rows


def _row(player: str, declared: OptimizerSpec, owner: int | None, members: Sequence[nn.Parameter]) -> Counted:
    group = None if owner is None else declared.groups[owner]
    decay = getattr(declared, "weight_decay", None)
    if group and group.weight_decay is not None:
        decay = group.weight_decay
    own = [group.lr] if group and group.lr is not None else [getattr(declared, field) for field in declared.rates]
    factor = 1.0 if group is None or group.factor is None else group.factor
    rate = " and ".join(_rate(lr, factor) for lr in own if lr is not None)
    title = group.title if group else "the rest"
    return Counted(player, title, len(members), sum(p.numel() for p in members), rate, decay)


def _rate(lr: ScheduleSpec, factor: float) -> str:
    if lr.constant is not None:
        return f"{lr.constant * factor:g}"
    return lr.tag() if factor == 1.0 else f"{factor:g} * {lr.tag()}"
