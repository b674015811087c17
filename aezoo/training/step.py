"""The step of one player: its optimizer, the weights that it moves, and the random streams of a pass."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from aezoo.data.batches import Batch
from aezoo.modules.output_checks import checked
from aezoo.nn.objective import Losses, Noise, Objective, averaged
from aezoo.randomness import derive
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.distributed.parts import is_sharded
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.loss_scaling import loss_scaler
from aezoo.training.meter import Meter
from aezoo.training.parameter_groups import divide
from aezoo.training.rates import Rates, followed
from aezoo.training.states.state import optimizer_state, restore_optimizer


class Streams:
    """The randomness of a run's passes, seeded anew for each of them.

    Args:
        seed: Of the run.
        device: Where the passes are computed.
        corrupts: Whether there is a corruption that draws.
    """

    def __init__(self, seed: int, device: torch.device, *, corrupts: bool) -> None:
        self.seed = seed
        self.device = device
        self.corrupts = corrupts
        self.noise = Noise(corruption=Generator(device), latent=Generator(device))

    def start(self, name: str, *counters: int) -> Noise:
        """Seed all noise of one pass; layers with noise of their own (dropout) draw from the global generator.

        Args:
            name: What the pass is for: `train` or `validation`.
            counters: The step or the batch, and the player.
        """
        self.noise.latent.manual_seed(derive(self.seed, f"{name}.latent", *counters))
        if self.corrupts:
            self.noise.corruption.manual_seed(derive(self.seed, f"{name}.corruption", *counters))
        _seed_global(derive(self.seed, f"{name}.global", *counters), self.device)
        return self.noise


def _seed_global(seed: int, device: torch.device) -> None:
    if device.type == "cpu":  # `torch.manual_seed` seeds every other device too, which takes as long as a small layer
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


class Player:
    """One player: its parameters, its optimizer, and the means of its losses.

    Args:
        name: Of the objective's players.
        objective: Says which parameters are the player's. It is not stored: each step is passed it.
        training: How players move unless their own table says otherwise.
        turn: The player's own table.
        steps: Length of the run.
        ranks: The processes that share each batch, if there are several.
    """

    def __init__(
        self,
        name: str,
        objective: Objective,
        training: TrainingSpec,
        turn: PlayerSpec,
        *,
        steps: int,
        ranks: Ranks | None = None,
    ) -> None:
        self.name = name
        self.ranks = ranks
        self.position = objective.players.index(name)
        self.turn = turn
        self.parameters = list(objective.parameters_of(name))
        # Gradients of weights that are sharded come from the backward pass as the mean over processes.
        self.averaged = [p for p in self.parameters if not is_sharded(p)]
        # With several players, gradients of the others' weights are not even computed. A single player has all weights.
        self.inputs = self.parameters if len(objective.players) > 1 else None
        optimizer = turn.optimizer or training.optimizer
        rate = Rates(optimizer, steps=steps).values[0]
        self.optimizer: Optimizer = checked(optimizer, optimizer.build(self.parameters, lr=rate))
        order = divide(self.optimizer, optimizer, objective)
        self.rates = Rates(optimizer, order, steps=steps, follows=followed(self.optimizer))
        self.rates.begin(self.optimizer)
        self.scaler = loss_scaler(training, self.optimizer, next(objective.parameters()).device)
        self.line_search = _asks_for_losses(self.optimizer)
        self.clip = training.clip if turn.clip is None else turn.clip
        self.micro_batch = training.most_in_a_pass
        self.tangents = self.position == 0 and bool(objective.constraints.tangents)
        self.meter = Meter()

    def step(self, objective: Objective, batch: Batch, step: int, streams: Streams) -> None:
        """Move the parameters once, unless a gate is shut.

        Args:
            objective: Gives the losses.
            batch: What it learns from.
            step: The position of the run.
            streams: Where the noise of its passes comes from.
        """
        self.rates.set(self.optimizer, step)
        evaluations = 0

        def evaluate() -> Tensor:
            """The loss and its gradient; an optimizer with a line search asks for it more than once a step."""
            nonlocal evaluations
            # The same noise at each evaluation of a step: a line search compares losses, and would follow new noise.
            noise = streams.start("train", step, self.position)
            for p in self.parameters:  # optimizer.zero_grad() does the same at a higher cost
                p.grad = None
            if self.micro_batch is None or batch.rows <= self.micro_batch:
                losses = batch.losses(objective, self.name, step, noise)
                if self.scaler is None and objective.rounding is None:  # here: a call takes half a microsecond
                    losses.total.backward(inputs=self.inputs)
                else:
                    self._differentiate(objective, losses.total)
            else:
                losses = self._accumulate(objective, batch, step, streams)
            if self.ranks is not None:
                losses = self.ranks.averaged(losses, self.averaged)
            self._limit_gradient(objective)
            if not evaluations:
                self.meter.add(losses)
            evaluations += 1
            return losses.total.detach()  # type: ignore[no-any-return]

        # A gate reads the loss of this very batch, so that no state but the step is carried from batch to batch.
        if self.turn.gated and not self.turn.passes(float(evaluate())):
            if self.scaler:
                self.scaler.update()
            return
        if self.line_search:
            self.optimizer.step(evaluate)  # type: ignore[arg-type]
            return
        if not evaluations:  # else the gate has computed the gradient already
            evaluate()
        if self.scaler is None:
            self.optimizer.step()
            return
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def passes(self, batch: Batch, step: int, streams: Streams) -> Iterator[tuple[Batch, Noise]]:
        """The passes of a step: the batch or parts of it, each with the noise that it draws."""
        if self.micro_batch is None or batch.rows <= self.micro_batch:
            yield batch, streams.start("train", step, self.position)
            return
        for i, part in enumerate(batch.parted(self.micro_batch)):
            yield part, streams.start("train", step, self.position, i)

    def state(self) -> dict[str, Any]:
        """What its optimizer knows, its rates, its losses of this epoch, and the scale of its gradient."""
        state = {"optimizer": optimizer_state(self.optimizer), "rates": self.rates.state(), "meter": self.meter.state()}
        return {**state, "scaler": self.scaler.state_dict()} if self.scaler else state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave. Raises `Unfitting`."""
        restore_optimizer(self.optimizer, state["optimizer"])
        self.rates.restore(state["rates"])
        self.meter.restore(state["meter"], self.parameters[0].device)
        if self.scaler:
            self.scaler.load_state_dict(dict(state["scaler"]))

    def _accumulate(self, objective: Objective, batch: Batch, step: int, streams: Streams) -> Losses:
        """The losses and the gradient of a batch, by passes over parts of it that draw noise of their own."""
        passes = []
        for part, noise in self.passes(batch, step, streams):
            losses = part.losses(objective, self.name, step, noise)
            share = part.rows / batch.rows
            self._differentiate(objective, losses.total * share)
            passes.append((losses, share))
        return averaged(passes)

    def _differentiate(self, objective: Objective, loss: Tensor) -> None:
        """Add the gradient of a loss to that of the parameters."""
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        with objective.rounded():
            scaled.backward(inputs=self.inputs)  # type: ignore[no-untyped-call]

    def _limit_gradient(self, objective: Objective) -> None:
        """Project, then clip: the part of a gradient that a constraint would undo takes no share of the norm."""
        if self.scaler:
            self.scaler.unscale_(self.optimizer)
        if self.tangents:
            objective.project_gradients()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)


def _asks_for_losses(optimizer: Optimizer) -> bool:
    """Whether it cannot step without a closure, as a line search; for others a closure costs time in each step."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
