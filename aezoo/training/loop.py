"""train: the one loop, for any objective and any number of players.

The position of a run is one integer, the step: order, corruption and latent noise are derived from
(seed, stream, step or epoch), so nothing depends on what came before but the weights and the optimizers' state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from aezoo.data.batches import Batches
from aezoo.errors import Interrupted, PluginError, RunFailed
from aezoo.nn.objective import Objective
from aezoo.registry.attribution import BUILT_BY, blamed, suspected
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.averaging import Average, snapshot
from aezoo.training.history import History
from aezoo.training.meter import Means, Meter
from aezoo.training.player import Player, Streams
from aezoo.training.progress import Progress, Silent
from aezoo.training.stopping import Stop


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        state: The weights to keep: the best by the spec's `best_by`, else the last good ones.
        auxiliary_state: Of all but the model, of the same step: the critics' weights, running means of penalties.
        step: Steps done.
        epoch: Epochs done, or begun.
        best_step: The step that `state` is from.
        stop_reason: "finished", "patience", "interrupted", "not finite" or "failed".
        failure: What to raise once the weights are kept, if the run did not end well.
    """

    state: dict[str, Tensor]
    auxiliary_state: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    epoch: int = 0
    best_step: int = 0
    best: float = math.inf
    stop_reason: str = "finished"
    failure: Exception | None = None
    seconds: float = 0.0
    validation: Means = field(default_factory=dict)


class Pace:
    """Says when the terms are to be shown again.

    Args:
        progress: Whose interval it is.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed since it last had."""
        now = time.monotonic()
        if now - self.last < self.progress.interval:
            return False
        self.last = now
        return True


class Loop:
    """One run: an objective, its optimizers, and the batches.

    Args:
        objective: On its device.
        training: The spec's `[training]`.
        batches: The training split.
        validation: The validation split, or None: then the training means choose the best weights.
        steps: Length of the run.
        history: Takes a record now and then.
        progress: Is shown the terms now and then.
        turns: How players move that do not move as `training` says.
        stop: Whether the user asked for an end.
    """

    def __init__(
        self,
        objective: Objective,
        training: TrainingSpec,
        batches: Batches,
        *,
        validation: Batches | None = None,
        steps: int,
        history: History | None = None,
        progress: Progress | None = None,
        turns: Mapping[str, PlayerSpec] | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.objective = objective
        self.training = training
        self.batches = batches
        self.validation = validation
        self.steps = steps
        self.history = history or History()
        self.progress: Progress = progress or Silent()
        self.streams = Streams(training.seed, batches.device, corrupts=len(objective.corruption) > 0)
        self.step = 0
        self.players = [
            Player(name, objective, training, (turns or {}).get(name, PlayerSpec()), steps=steps)
            for name in objective.players
        ]
        self.average = Average(objective.model, training.ema) if training.ema else None
        self.stop = stop or Stop()

    # --- the run ------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Train to the end, to the end of patience, to a signal or to a loss that is not finite."""
        outcome = Outcome(snapshot(self.objective.model), _copy(self.objective.auxiliary_state))
        pace, waited = Pace(self.progress), 0
        with self._ended(outcome):
            while not self.over:
                for x in self.batches.epoch(outcome.epoch, self.training.batch_size, self.training.seed):
                    for player in self.players:
                        if player.turn.moves(self.step):
                            player.step(self.objective, x, self.step, self.streams)
                    self._advance(pace)
                    if self.over:
                        break
                outcome.epoch += 1
                waited = 0 if self._judge(outcome) else waited + 1
                if self.training.patience and waited >= self.training.patience:
                    outcome.stop_reason = "patience"
                    break
        return outcome

    @property
    def over(self) -> bool:
        """Whether no further step is to be taken."""
        return self.step >= self.steps or self.stop.asked

    @contextmanager
    def _ended(self, outcome: Outcome) -> Iterator[None]:
        """Note in the outcome how the steps that are taken within came to their end."""
        started = time.monotonic()
        self.progress.start(self.steps)
        try:
            with self.stop.held(), torch.enable_grad():
                yield
        except _NotFinite as fault:
            outcome.stop_reason = "not finite"
            outcome.failure = RunFailed(
                f"the loss turned not finite by step {self.step + 1}: {fault}",
                hint="try a lower learning rate or training.clip",
            )
        except BaseException as error:
            # A part of a plugin, memory, a device: what was learnt before is not thrown away.
            failure = self._fault(error) or error
            if not outcome.best_step or not isinstance(failure, Exception):
                raise failure from failure.__cause__
            outcome.stop_reason, outcome.failure = "failed", failure
        finally:
            self.progress.close()
            self.history.close()
        if self.stop.asked and outcome.stop_reason != "failed":
            outcome.stop_reason = "interrupted"
            outcome.failure = Interrupted(f"interrupted after step {self.step} of {self.steps}")
        outcome.step = self.step
        outcome.seconds = time.monotonic() - started

    def _advance(self, pace: Pace) -> None:
        """What follows the players' turns: constraints, the average, and what is shown and recorded."""
        self.step += 1
        if self.objective.constraints.projections:
            self.objective.project()
        if self.average:
            self.average.update(self.step)
        if pace.due() or self.step == self.steps:
            self.progress.show(self.step, _finite(self.means()))
        if self.step % self.training.log_every == 0:
            self.history.add({"step": self.step, "split": "train", **_finite(self.means())})

    def _fault(self, error: BaseException) -> PluginError | None:
        fault = blamed(error) or suspected(error, self._parts())
        if fault is not None:
            fault.__cause__ = error
        return fault

    def _parts(self) -> list[Any]:
        """The parts of plugins that a step runs through, each once."""
        built = [*self.objective.modules(), *(player.optimizer for player in self.players)]
        return [*{id(part): part for each in built if (part := getattr(each, BUILT_BY, None)) is not None}.values()]

    # --- judging ------------------------------------------------------------------------------------------

    def means(self) -> Means:
        """The means of this epoch so far; terms of the players after the first go by `player.term`."""
        return _joined({player.name: player.meter for player in self.players})

    def _judge(self, outcome: Outcome) -> bool:
        """End of an epoch: read the means, validate, keep the weights if they are the best so far."""
        if not self.players[0].meter.count:
            return False
        terms = _finite(self.means())
        for player in self.players:
            player.meter.clear()
        position = {"step": self.step, "epoch": outcome.epoch}
        self.history.add({**position, "split": "train", **terms})
        with self.average.applied() if self.average else nullcontext():
            if self.average:
                self.objective.project()  # an average of weights that keep a constraint need not keep it
            if self.validation is not None:
                terms = _finite(self.validate(self.validation))
                self.history.add({**position, "split": "validation", **terms})
            else:
                terms = self._settled(terms)
            return self._keep(terms, outcome)

    def _settled(self, terms: Means) -> Means:
        """Training means under the weights of the schedules' end, as in validation: totals of two epochs compare."""
        weights = self.objective.terms.weights_of(self.players[0].name)
        off = {name: weight(self.steps) * terms[name] - terms[f"{name}.weighted"] for name, weight in weights.items()}
        return {**terms, "total": terms["total"] + sum(off.values())}

    def _keep(self, terms: Means, outcome: Outcome) -> bool:
        key = self.training.best_by
        if key != "last" and key not in terms:
            known = ", ".join(terms)
            raise RunFailed(f"training.best_by: no term is called {key!r}", hint=f"there are: last, {known}")
        value = -self.step if key == "last" else terms[key]
        if value >= outcome.best:
            return False
        outcome.best, outcome.best_step, outcome.validation = value, self.step, terms
        outcome.state, outcome.auxiliary_state = snapshot(self.objective.model), _copy(self.objective.auxiliary_state)
        return True

    @torch.no_grad()
    def validate(self, batches: Batches) -> Means:
        """Means over a split, with the same noise at every call and the weights of the schedules' end."""
        meters = {name: Meter() for name in self.objective.players}
        self.objective.eval()
        for i, x in enumerate(batches.sequential(self.training.batch_size)):
            for player, (name, meter) in enumerate(meters.items()):
                noise = self.streams.start("validation", i, player)
                meter.add(self.objective(x, name, self.steps, noise), rows=x.shape[0])
        self.objective.train()
        return _joined(meters)


def _joined(meters: Mapping[str, Meter]) -> Means:
    """The means of all players: of the first by their names, of the others as `player.term`."""
    first, *others = meters
    means = meters[first].means()
    for player in others:
        means |= {f"{player}.{name}": value for name, value in meters[player].means().items()}
    return means


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


class _NotFinite(Exception):
    pass


def _finite(terms: Means) -> Means:
    """The terms, or `_NotFinite` that names those that are not."""
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if bad:
        parts = [name for name in bad if name != "total" and not name.endswith(".weighted")] or bad
        raise _NotFinite(", ".join(f"{name} = {terms[name]}" for name in parts))
    return terms
