"""train: the one loop, for any objective and any number of players.

The position of a run is one integer, the step: order, corruption and latent noise are derived from
(seed, stream, step or epoch). Weights and optimizers' state are all that one step hands to the next.
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
from aezoo.training.early_stopping import EarlyStopping
from aezoo.training.history import History
from aezoo.training.meter import Means, Meter
from aezoo.training.player import Player, Streams
from aezoo.training.progress import Progress, Silent
from aezoo.training.signals import Stop


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
    stop_reason: str = "finished"
    failure: Exception | None = None
    seconds: float = 0.0
    validation: Means = field(default_factory=dict)


class RefreshTimer:
    """Says when the terms are due to be shown again.

    Args:
        progress: Gives the interval.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed; if so, it starts anew."""
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
        stop: Whether the user asked to stop.
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
        self.early_stopping = EarlyStopping(training.best_by, patience=training.patience)
        self.stop = stop or Stop()

    def run(self) -> Outcome:
        """Train to the end, to the end of patience, to a signal or to a loss that is not finite."""
        outcome = Outcome(snapshot(self.objective.model), _copy(self.objective.auxiliary_state))
        timer = RefreshTimer(self.progress)
        with self._recording(outcome):
            while not self.over:
                for batch in self.batches.epoch(outcome.epoch, self.training.batch_size, self.training.seed):
                    for player in self.players:
                        if player.turn.moves(self.step):
                            player.step(self.objective, batch, self.step, self.streams)
                    self._after_step(timer)
                    if self.over:
                        break
                outcome.epoch += 1
                if self.early_stopping.ends_run(improved=self._finish_epoch(outcome)):
                    outcome.stop_reason = "patience"
                    break
        return outcome

    @property
    def over(self) -> bool:
        """Whether the run ends here."""
        return self.step >= self.steps or self.stop.requested

    @contextmanager
    def _recording(self, outcome: Outcome) -> Iterator[None]:
        """Record in the outcome why the steps within ended."""
        started = time.monotonic()
        self.progress.start(self.steps)
        try:
            with self.stop.deferred(), torch.enable_grad():
                yield
        except _NotFinite as error:
            outcome.stop_reason = "not finite"
            outcome.failure = RunFailed(
                f"the loss turned not finite by step {self.step + 1}: {error}",
                hint="try a lower learning rate or training.clip",
            )
        except BaseException as error:
            # A plugin's exception, memory, a device: the weights of the epochs before are kept.
            failure = self._plugin_error(error) or error
            if not outcome.best_step or not isinstance(failure, Exception):
                raise failure from failure.__cause__
            outcome.stop_reason, outcome.failure = "failed", failure
        finally:
            self.progress.close()
            self.history.close()
        if self.stop.requested and outcome.stop_reason != "failed":
            outcome.stop_reason = "interrupted"
            outcome.failure = Interrupted(f"interrupted after step {self.step} of {self.steps}")
        outcome.step = self.step
        outcome.seconds = time.monotonic() - started

    def _after_step(self, timer: RefreshTimer) -> None:
        """After the players' turns: constraints, the average of the weights, progress and history."""
        self.step += 1
        # Before the average: it takes in weights that keep the constraints.
        if self.objective.constraints.projections:
            self.objective.project()
        if self.average:
            self.average.update(self.step)
        if timer.due() or self.step == self.steps:
            self.progress.show(self.step, _finite(self.means()))
        if self.step % self.training.log_every == 0:
            self.history.add({"step": self.step, "split": "train", **_finite(self.means())})

    def _plugin_error(self, error: BaseException) -> PluginError | None:
        plugin_error = blamed(error) or suspected(error, self._plugin_parts())
        if plugin_error is not None:
            plugin_error.__cause__ = error
        return plugin_error

    def _plugin_parts(self) -> list[Any]:
        """The plugins' parts that a step calls, each once."""
        built = [*self.objective.modules(), *(player.optimizer for player in self.players)]
        return [*{id(part): part for each in built if (part := getattr(each, BUILT_BY, None)) is not None}.values()]

    def means(self) -> Means:
        """The means of this epoch so far; terms of the players after the first go by `player.term`."""
        return _joined({player.name: player.meter for player in self.players})

    def _finish_epoch(self, outcome: Outcome) -> bool:
        """End of an epoch: read the means, validate, keep the weights if they are the best so far."""
        if not self.players[0].meter.count:
            return False
        terms = _finite(self.means())
        for player in self.players:
            player.meter.clear()
        position = {"step": self.step, "epoch": outcome.epoch}
        self.history.add({**position, "split": "train", **terms})
        with self.average.applied() if self.average else nullcontext():
            if self.average and self.average.begun:
                self.objective.project()  # an average of weights that keep a constraint need not keep it
            if self.validation is not None:
                terms = _finite(self.validate(self.validation))
                self.history.add({**position, "split": "validation", **terms})
            else:
                terms = self._at_final_weights(terms)
            return self._keep(terms, outcome)

    def _at_final_weights(self, terms: Means) -> Means:
        """Training means with the schedules' final weights, as in validation, so that epochs can be compared."""
        weights = self.objective.terms.weights_of(self.players[0].name)
        changes = (weight(self.steps) * terms[name] - terms[f"{name}.weighted"] for name, weight in weights.items())
        return {**terms, "total": terms["total"] + sum(changes)}

    def _keep(self, terms: Means, outcome: Outcome) -> bool:
        if not self.early_stopping.improves(terms, self.step):
            return False
        outcome.best_step, outcome.validation = self.step, terms
        outcome.state, outcome.auxiliary_state = snapshot(self.objective.model), _copy(self.objective.auxiliary_state)
        return True

    @torch.no_grad()
    def validate(self, batches: Batches) -> Means:
        """Means over a split, with the same noise at every call and the schedules' final weights."""
        meters = {name: Meter() for name in self.objective.players}
        self.objective.eval()
        for i, batch in enumerate(batches.sequential(self.training.batch_size)):
            for player, (name, meter) in enumerate(meters.items()):
                noise = self.streams.start("validation", i, player)
                meter.add(self.objective(batch.x, name, self.steps, noise, batch.fields), rows=batch.rows)
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
