"""train: the one loop, for any objective and any number of players.

The position of a run is one integer, the step: order, corruption and latent noise are derived from
(seed, stream, step or epoch), so nothing depends on what came before but the weights and the optimizers' state.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from aezoo.batches import Batches
from aezoo.blame import blamed
from aezoo.checked import checked, curve
from aezoo.errors import Interrupted, RunFailed
from aezoo.nn.objective import Losses, Noise, Objective
from aezoo.randomness import derive
from aezoo.spec.player import PlayerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.averaging import Average, snapshot
from aezoo.training.history import History
from aezoo.training.meter import Means, Meter
from aezoo.training.progress import Progress, Silent
from aezoo.training.stopping import Stop


@dataclass
class Outcome:
    """How a run went.

    Attributes:
        state: The weights to keep: the best by the spec's `best_by`, else the last good ones.
        beside: What all but the model held at that step: the critics' weights.
        step: Steps done.
        best_step: The step that `state` is from.
        why: "finished", "patience", "interrupted", "not finite" or "failed".
        failure: What to raise once the weights are kept, if the run did not end well.
    """

    state: dict[str, Tensor]
    beside: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    best_step: int = 0
    best: float = math.inf
    why: str = "finished"
    failure: Exception | None = None
    seconds: float = 0.0
    validation: Means = field(default_factory=dict)


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
        self.device = batches.device
        self.noise = Noise(Generator(self.device), Generator(self.device))
        self.corrupts = len(objective.corruption) > 0
        self.on_cpu = self.device.type == "cpu"
        self.step = 0
        told = turns or {}
        self.players = [Player(self, name, told.get(name, PlayerSpec())) for name in objective.players]
        self.average = Average(objective.model, training.ema) if training.ema else None
        self.stop = stop or Stop()

    # --- the run ------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Train to the end, to the end of patience, to a signal or to a loss that is not finite."""
        outcome = Outcome(snapshot(self.objective.model), _copy(self.objective.auxiliary_state))
        started = time.monotonic()
        self.progress.start(self.steps)
        try:
            with self.stop.held(), torch.enable_grad():
                self._epochs(outcome)
        except _NotFinite as fault:
            outcome.why = "not finite"
            outcome.failure = RunFailed(
                f"the loss turned not finite by step {self.step + 1}: {fault}",
                hint="try a lower learning rate or training.clip",
            )
        except BaseException as error:
            # A part of a plugin, memory, a device: what was learnt before is not thrown away.
            failure = blamed(error) or error
            if not outcome.best_step or not isinstance(failure, Exception):
                raise
            if failure is not error:
                failure.__cause__ = error
            outcome.why, outcome.failure = "failed", failure
        finally:
            self.progress.close()
        if self.stop.asked and outcome.why != "failed":
            outcome.why = "interrupted"
            outcome.failure = Interrupted(f"interrupted after step {self.step} of {self.steps}")
        outcome.step = self.step
        outcome.seconds = time.monotonic() - started
        return outcome

    def _epochs(self, outcome: Outcome) -> None:
        waited, seen = 0, time.monotonic()
        epoch = 0
        while self.step < self.steps and not self.stop.asked:
            for batch in self.batches.epoch(epoch, self.training.batch_size, self.training.seed):
                self._step(batch)
                now = time.monotonic()
                if now - seen >= self.progress.interval or self.step == self.steps:
                    seen = now
                    self.progress.show(self.step, _finite(self.means()))
                if self.step % self.training.log_every == 0:
                    self._log()
                if self.step >= self.steps or self.stop.asked:
                    break
            epoch += 1
            waited = 0 if self._judge(epoch, outcome) else waited + 1
            if self.training.patience and waited >= self.training.patience:
                outcome.why = "patience"
                return

    def _step(self, x: Tensor) -> None:
        """One step of every player in turn."""
        step = self.step
        self.draw("train", step)
        for player in self.players:
            if player.always or player.turn.moves(step):
                player.step(x, step)
        self.step = step + 1
        if self.objective.constraints.projections:
            self.objective.project()
        if self.average:
            self.average.update(self.step)

    def draw(self, stream: str, position: int) -> None:
        """Seed all noise of one position; layers with noise of their own (dropout) draw from the global generator."""
        seed = derive(self.training.seed, stream, position)
        self.noise.latent.manual_seed(seed)
        if self.corrupts:
            self.noise.corruption.manual_seed(seed ^ 1)
        if self.on_cpu:
            torch.default_generator.manual_seed(seed ^ 2)
        else:
            torch.manual_seed(seed ^ 2)

    def losses(self, x: Tensor, player: str, step: int) -> Losses:
        """The losses of a batch for one player."""
        return self.objective(x, player, step, self.noise)  # type: ignore[no-any-return]

    # --- judging ------------------------------------------------------------------------------------------

    def means(self) -> Means:
        """The means of this epoch so far; terms of the players after the first go by `player.term`."""
        return _joined({player.name: player.meter for player in self.players})

    def _log(self) -> None:
        terms = _finite(self.means())
        self.history.add({"step": self.step, "split": "train", **terms})

    def _judge(self, epoch: int, outcome: Outcome) -> bool:
        """End of an epoch: read the means, validate, keep the weights if they are the best so far."""
        if not self.players[0].meter.count:
            return False
        terms = _finite(self.means())
        for player in self.players:
            player.meter.clear()
        self.history.add({"step": self.step, "epoch": epoch, "split": "train", **terms})
        with self.average.applied() if self.average else nullcontext():
            if self.average:
                self.objective.project()  # an average of weights that keep a constraint need not keep it
            if self.validation is not None:
                terms = _finite(self.validate(self.validation))
                self.history.add({"step": self.step, "epoch": epoch, "split": "validation", **terms})
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
        outcome.state, outcome.beside = snapshot(self.objective.model), _copy(self.objective.auxiliary_state)
        return True

    @torch.no_grad()
    def validate(self, batches: Batches) -> Means:
        """Means over a split, with the same noise at every call and the weights of the schedules' end."""
        meters = {name: Meter() for name in self.objective.players}
        self.objective.eval()
        for i, x in enumerate(batches.sequential(self.training.batch_size)):
            for name, meter in meters.items():
                self.draw("validation", i)
                meter.add(self.losses(x, name, self.steps), rows=x.shape[0])
        self.objective.train()
        return _joined(meters)


class Player:
    """One player: its parameters, its optimizer, its share of a step."""

    def __init__(self, loop: Loop, name: str, turn: PlayerSpec) -> None:
        self.loop = loop
        self.name = name
        self.turn = turn
        self.always = turn.every == 1 and turn.start == 0
        self.gated = turn.gated
        self.parameters = list(loop.objective.parameters_of(name))
        # In a game, what is not its own stays as it is: no gradient is even worked out. Alone, all is its own.
        self.inputs = self.parameters if len(loop.objective.players) > 1 else None
        optimizer = turn.optimizer or loop.training.optimizer
        self.lr = curve(optimizer.lr)
        self.rate = self.lr(0, loop.steps)
        self.optimizer: Optimizer = checked(optimizer, optimizer.build(self.parameters, lr=self.rate))
        self.clip = loop.training.clip if turn.clip is None else turn.clip
        self.tangents = loop.objective.constraints.tangents if name == loop.objective.players[0] else ()
        self.meter = Meter()
        # Only a line search must have a closure; for the others it is a context more at every step.
        closure = inspect.signature(self.optimizer.step).parameters.get("closure")
        self.searches = closure is not None and closure.default is inspect.Parameter.empty

    def step(self, x: Tensor, step: int) -> None:
        """Move the parameters once, unless a gate is shut."""
        loop = self.loop
        rate = self.lr(step, loop.steps)
        if rate != self.rate:
            self.rate = rate
            for group in self.optimizer.param_groups:
                group["lr"] = rate
        self.first = True
        self.batch, self.now = x, step
        # A gate reads the loss of this very batch: nothing is remembered, so a run's position is still its step alone.
        if self.gated and not self.turn.passes(float(self._closure())):
            return
        if self.searches:
            self.optimizer.step(self._closure)
        else:
            if not self.gated:  # else the gradient is there already
                self._closure()
            self.optimizer.step()

    def _closure(self) -> float:
        """The loss and its gradient; an optimizer with a line search asks for it more than once a step."""
        if not self.first:  # the same noise again, or the line search would chase it
            self.loop.draw("train", self.now)
        for p in self.parameters:  # optimizer.zero_grad() does the same, and a good deal more
            p.grad = None
        losses = self.loop.losses(self.batch, self.name, self.now)
        losses.total.backward(inputs=self.inputs)  # type: ignore[no-untyped-call]
        if self.tangents:
            self.loop.objective.project_gradients()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if self.first:
            self.first = False
            self.meter.add(losses)
        return losses.total.detach()  # type: ignore[return-value]


def _joined(meters: Mapping[str, Meter]) -> Means:
    """The means of all players: of the first by their names, of the others as `player.term`."""
    first, *others = meters
    found = meters[first].means()
    for player in others:
        found |= {f"{player}.{name}": value for name, value in meters[player].means().items()}
    return found


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
