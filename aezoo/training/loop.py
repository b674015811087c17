"""train: the one loop, for any objective and any number of players.

The position of a run is one integer, the step: order, corruption and latent noise are derived from
(seed, stream, step or epoch). Weights, optimizers' state and running means are all that one step hands to the next:
`Loop.state()` gives them, and a loop that takes them goes on as if the first had never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from aezoo.data.batches import Batch, Batches
from aezoo.errors import Interrupted, PluginError, RunFailed
from aezoo.nn.objective import Objective
from aezoo.registry.attribution import BUILT_BY, blamed, suspected
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.averaging import Average, snapshot
from aezoo.training.compilation import compiling
from aezoo.training.distributed.agreement import Agreement
from aezoo.training.distributed.parts import part_of
from aezoo.training.distributed.ranks import explained
from aezoo.training.early_stopping import EarlyStopping
from aezoo.training.history import History
from aezoo.training.meter import Means, Meter
from aezoo.training.modes import evaluating, with_modes
from aezoo.training.nonfinite.detection import WAYS_OUT, NotFinite, faults_of
from aezoo.training.nonfinite.good_states import EVERY, Recovery
from aezoo.training.outcome import Outcome
from aezoo.training.plateau import Plateau
from aezoo.training.progress import Progress, RefreshTimer, Silent, Timer
from aezoo.training.recomputation import recomputing
from aezoo.training.signals import Stop
from aezoo.training.states.checkpointing import StateKeeper
from aezoo.training.states.state import Unfitting, module_state, restore_module
from aezoo.training.step import Player, Streams


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
        checkpoints: Takes the state of the run now and then, and at a signal.
        preview: Called at each validation, with the weights that are judged in the model.
        agreement: Of the processes that share each batch, if there are several.
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
        checkpoints: StateKeeper | None = None,
        preview: Callable[[], None] | None = None,
        agreement: Agreement | None = None,
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
        self.agreement = agreement
        self.ranks = agreement.ranks if agreement else None
        self.players = [
            Player(name, objective, training, (turns or {}).get(name, PlayerSpec()), steps=steps, ranks=self.ranks)
            for name in objective.players
        ]
        self.average = Average(objective.model, training.ema) if training.ema else None
        self.with_modes = with_modes(player.optimizer for player in self.players)
        self.early_stopping = EarlyStopping(training.best_by, patience=training.patience)
        self.recovery = Recovery() if training.on_nonfinite == "rollback" else None
        self.plateau = Plateau(training.plateau, training.best_by) if training.plateau else None
        self.stop = stop or Stop()
        self.checkpoints = checkpoints
        self.preview = preview
        self.steps_per_epoch = batches.steps_per_epoch(training.batch_size)
        self._outcome: Outcome | None = None
        self.judged: Means = {}
        self._started = 0.0
        self._saved_at_signal = False

    def run(self) -> Outcome:
        """Train to the end, to the end of patience, to a signal or to a loss that is not finite."""
        outcome = self.outcome
        timer: Timer = RefreshTimer(self.progress)
        if self.agreement:
            timer = self.agreement.timer(timer.due)
        with self._recording(outcome), self._layers_as_declared():
            if self.recovery and not self.recovery.states:
                self._keep_good_state()
            while self.unfinished:
                for batch in () if self.over else self.epoch_batches(outcome.epoch):
                    if self.recovery is None or self.step not in self.recovery.left_out:
                        for player in self.players:
                            if player.turn.moves(self.step):
                                player.step(self.objective, batch, self.step, self.streams)
                    self._after_step(timer)
                    if self.over:
                        break
                self._save_at_signal()
                self._save_last()
                self.end_epoch()
                self._save_at_epoch_end()
            if self.early_stopping.exhausted:
                outcome.stop_reason = self.early_stopping.reason
            self._save_at_signal()
        return outcome

    @property
    def outcome(self) -> Outcome:
        """How the run went so far; before the first step, with the weights that it starts from."""
        if self._outcome is None:
            self.objective.set_step(self.steps)  # what is kept is used with the numbers that the run ends at
            self._outcome = Outcome(snapshot(self.objective.model), _copy(self.objective.auxiliary_state))
        return self._outcome

    @contextmanager
    def _layers_as_declared(self) -> Iterator[None]:
        """Within, layers are recomputed or compiled where `[training]` says so."""
        with ExitStack() as stack:
            if self.training.recompute:
                stack.enter_context(recomputing(self.objective.model))
            if self.training.compile:
                stack.enter_context(compiling(self.objective.model))
            yield

    def move(self, batch: Batch) -> None:
        """The turns of all players, as `run` gives them; none where the batch of this step is left out."""
        if self.recovery and self.step in self.recovery.left_out:
            return
        for player in self.players:
            if player.turn.moves(self.step):
                player.step(self.objective, batch, self.step, self.streams)

    def epoch_batches(self, epoch: int) -> Iterator[Batch]:
        """Those of an epoch that are still to come."""
        done = self.step - epoch * self.steps_per_epoch
        return self.batches.epoch(epoch, self.training.batch_size, self.training.seed, first=done)

    @property
    def unfinished(self) -> bool:
        """Whether there are steps to come, or losses of an epoch that are not read yet: of a run that goes on."""
        return bool(self.players[0].meter.count) or not self.over

    @property
    def over(self) -> bool:
        """Whether the run ends here."""
        return self.step >= self.steps or self.stop.requested or self.early_stopping.exhausted

    def state(self) -> dict[str, Any]:
        """All that the run needs to go on from here, at the boundary of two steps; see `states.state`."""
        outcome = self.outcome
        return {
            "position": {"step": self.step, "epoch": outcome.epoch, "seconds": self._seconds(outcome)},
            "objective": module_state(self.objective),
            "players": [player.state() for player in self.players],
            "average": self.average.state() if self.average else None,
            "early_stopping": self.early_stopping.state(),
            "plateau": self.plateau.state() if self.plateau else None,
            "best": {
                "model": outcome.state,
                "auxiliary": outcome.auxiliary_state,
                "step": outcome.best_step,
                "means": outcome.validation,
            },
            **({"recovery": self.recovery.state()} if self.recovery else {}),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave: to be called on a loop that was made as that one was, before it runs.

        Raises:
            Unfitting: It is the state of another objective or of other players.
        """
        if len(state["players"]) != len(self.players) or bool(state["average"]) != bool(self.average):
            raise Unfitting("it has other players, or another average of the weights")
        restore_module(self.objective, state["objective"])
        for player, known in zip(self.players, state["players"], strict=True):
            player.restore(known)
        if self.average:
            self.average.restore(state["average"])
        self.early_stopping.restore(state["early_stopping"])
        if self.recovery and "recovery" in state:
            self.recovery.restore(state["recovery"])
        if self.plateau:
            self.plateau.restore(state["plateau"])
        position, best = state["position"], state["best"]
        self.step = position["step"]
        current = self.objective.model.state_dict()
        self._outcome = Outcome(
            _copy({name: part_of(value, current.get(name, value)) for name, value in best["model"].items()}),
            _copy(best["auxiliary"]),
            epoch=position["epoch"],
            best_step=best["step"],
            seconds=position["seconds"],
            validation=dict(best["means"]),
        )

    def slow_down(self) -> None:
        """Let all players move at the share of their rates that the recovery says."""
        for player in self.players:
            player.rates.slow_down(player.optimizer, self.recovery.share_of_rate if self.recovery else 1.0, self.step)

    def _seconds(self, outcome: Outcome) -> float:
        return outcome.seconds + (time.monotonic() - self._started if self._started else 0.0)

    @contextmanager
    def _recording(self, outcome: Outcome) -> Iterator[None]:
        """Record in the outcome why the steps within ended."""
        self._started = time.monotonic()
        self.progress.start(self.steps)
        if self.step and (resumed := getattr(self.progress, "resumed", None)):
            resumed(self.step)
        try:
            with self.stop.deferred(), torch.enable_grad():
                yield
        except NotFinite as error:
            outcome.stop_reason = "not finite"
            outcome.failure = self.not_finite(error)
        except BaseException as error:
            # A plugin's exception, memory, a device: the weights of the epochs before are kept.
            error = explained(error) if self.ranks else error
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
        outcome.seconds = self._seconds(outcome)

    def not_finite(self, error: NotFinite) -> RunFailed:
        """The failure of a run whose losses are not finite."""
        return RunFailed(f"the loss turned not finite by step {self.step}: {error}", hint=WAYS_OUT)

    def advance(self) -> None:
        """After the turns: the step is counted, weights keep their constraints, and their average takes them in."""
        self.step += 1
        # Before the average: it takes in weights that keep the constraints.
        if self.objective.constraints.projections:
            self.objective.project()
        if self.average:
            self.average.update(self.step)

    def agree(self) -> None:
        """Let several processes agree on what signals and clocks have said; to be called by all after a step."""
        if self.agreement:
            self.agreement.reach(self.step)

    def agreed(self, flag: bool) -> bool:
        """A flag; of several processes, whether any has it set. To be called by all of them."""
        return self.ranks.agreed(flag)[0] if self.ranks else flag

    def finite(self, terms: Means) -> Means:
        """The terms, which are finite in every process. Raises `NotFinite`, in all of them."""
        bad = faults_of(terms)
        if self.agreed(bool(bad)):
            raise NotFinite(bad or "in another process")
        return terms

    def log(self) -> None:
        """Record the means of this epoch so far."""
        self.history.add({"step": self.step, "split": "train", **self.finite(self.means())})

    def _after_step(self, timer: Timer) -> None:
        """After the players' turns: what each step needs, progress and history."""
        self.advance()
        self.agree()
        if timer.due() or self.step == self.steps:
            self.progress.show(self.step, self.finite(self._peek()))
        if self.step % self.training.log_every == 0:
            self.log()
        if self.validates_at_step:
            self._judge({"step": self.step}, self.finite(self._peek()))
        if self.recovery and self.step % EVERY == 0:
            self._keep_good_state()
        if self.checkpoints and self.checkpoints.due(self.step):
            self.save()

    def _keep_good_state(self) -> None:
        """Keep a copy of the state in memory, to go back to; its losses and weights are read, which this waits for."""
        self.finite(self._peek())
        if self.agreed(not all(bool(p.isfinite().all()) for p in self.objective.parameters())):
            raise NotFinite("weights are not finite")
        if self.recovery:
            self.recovery.keep(self.state(), len(self.history.records))

    def save(self) -> None:
        """Keep the state of the run, unless its losses are not finite: it could not go on from there."""
        self.finite(self._peek())
        if self.checkpoints:
            self.checkpoints.save((self.step, self.outcome.epoch), self.state())

    def _save_at_signal(self) -> None:
        """Keep the state once a signal came, before an epoch that it cut short is read as if it were whole."""
        if self.stop.requested and not self._saved_at_signal:
            self._saved_at_signal = True
            self.save()

    def _save_last(self) -> None:
        """Keep the state after the last step, before its epoch is read: a longer run may have further steps in it."""
        if self.checkpoints and self.checkpoints.keeps_last and self.step >= self.steps:
            self.save()

    def _save_at_epoch_end(self) -> None:
        """Keep the state once an epoch is read, if that is due; where the run ends it is kept by others."""
        if self.checkpoints and not self.over and self.checkpoints.due_at_epoch_end():
            self.save()

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
        return _joined({player.name: player.meter.means() for player in self.players})

    def _peek(self) -> Means:
        """The same, without a trace of having been read."""
        return _joined({player.name: player.meter.peek() for player in self.players})

    @property
    def validates_at_step(self) -> bool:
        """Whether the step that was done last is one of those that `validate_every` names."""
        return self.training.validate_every is not None and self.step % self.training.validate_every == 0

    def end_epoch(self, validated: Means | None = None) -> None:
        """End an epoch: read the means, and judge the weights, unless that is done every so many steps.

        Args:
            validated: The means over the validation split, if somebody has them already.
        """
        outcome = self.outcome
        outcome.epoch += 1
        if not self.players[0].meter.count:
            return
        terms = self.finite(self.means())
        for player in self.players:
            player.meter.clear()
        if self.ranks:
            self.ranks.refuse_differing(module_state(self.objective))
        position = {"step": self.step, "epoch": outcome.epoch}
        rate = {"rate": self.players[0].rates.values[0]} if self.plateau else {}
        self.history.add({**position, "split": "train", **terms, **rate})
        if self.training.validate_every is None or (self.over and not self.validates_at_step):
            self._judge(position, terms, validated)
        if show := getattr(self.progress, "epoch", None):
            show(outcome.epoch, -(-self.steps // self.steps_per_epoch), self.step, terms, self.judged)

    def _judge(self, position: Mapping[str, int], terms: Means, validated: Means | None = None) -> None:
        """Validate, keep the weights if they are the best so far, and see whether patience is at its end.

        Args:
            position: Of the record.
            terms: The training means, which decide where there is no validation split.
            validated: The means over the validation split, if somebody has them already.
        """
        with self.averaged():
            if self.validation is not None:
                judged = self.validate(self.validation) if validated is None else validated
                terms = self.judged = self.finite(judged)
                self.history.add({**position, "split": "validation", **terms})
            else:
                terms = self._at_final_weights(terms)
            improved = self._keep(terms, self.outcome)
            if self.preview:
                self.objective.set_step(self.steps)
                self.preview()
        self.early_stopping.ends_run(improved=improved)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the model has its averaged weights, if the run or an optimizer keeps any."""
        with self.average.applied() if self.average else nullcontext(), ExitStack() as modes:
            for optimizer in self.with_modes:
                modes.enter_context(evaluating(optimizer))
            if self.with_modes or (self.average and self.average.begun):
                self.objective.project()  # an average of weights that keep a constraint need not keep it
            yield

    def _at_final_weights(self, terms: Means) -> Means:
        """Training means with the schedules' final weights, as in validation, so that epochs can be compared."""
        weights = self.objective.terms.weights_of(self.players[0].name)
        changes = (weight(self.steps) * terms[name] - terms[f"{name}.weighted"] for name, weight in weights.items())
        return {**terms, "total": terms["total"] + sum(changes)}

    def _keep(self, terms: Means, outcome: Outcome) -> bool:
        improved = self.early_stopping.improves(terms, self.step)
        if self.plateau and (scale := self.plateau.scale_after(terms)) != self.players[0].rates.scale:
            for player in self.players:
                player.rates.rescale(player.optimizer, scale, self.step)
        if not improved:
            return False
        outcome.best_step, outcome.validation = self.step, terms
        self.objective.set_step(self.steps)
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
                meter.add(batch.losses(self.objective, name, self.steps, noise), rows=batch.rows)
        self.objective.train()
        means = _joined({name: meter.means() for name, meter in meters.items()})
        return self.ranks.mean(means) if self.ranks else means


def _joined(means_of: Mapping[str, Means]) -> Means:
    """The means of all players: of the first by their names, of the others as `player.term`."""
    first, *others = means_of
    means = dict(means_of[first])
    for player in others:
        means |= {f"{player}.{name}": value for name, value in means_of[player].items()}
    return means


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
