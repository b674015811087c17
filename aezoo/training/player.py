"""Player: who takes turns in a step, and the randomness that is drawn in it."""

from __future__ import annotations

import inspect

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from aezoo.modules.output_checks import checked, curve
from aezoo.nn.objective import Noise, Objective
from aezoo.randomness import derive
from aezoo.spec.kinds import PlayerSpec
from aezoo.spec.training import TrainingSpec
from aezoo.training.meter import Meter


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
    """One player: its parameters, its optimizer, its means, its share of a step.

    Args:
        name: Of the objective's players.
        objective: Says what the player moves. It is not kept: each step is handed it.
        training: How players move unless their own table says otherwise.
        turn: The player's own table.
        steps: Length of the run.
    """

    def __init__(
        self, name: str, objective: Objective, training: TrainingSpec, turn: PlayerSpec, *, steps: int
    ) -> None:
        self.name = name
        self.position = objective.players.index(name)
        self.turn = turn
        self.steps = steps
        self.parameters = list(objective.parameters_of(name))
        # In a game, what is not its own stays as it is: no gradient is even worked out. Alone, all is its own.
        self.inputs = self.parameters if len(objective.players) > 1 else None
        optimizer = turn.optimizer or training.optimizer
        self.schedule = curve(optimizer.lr)
        self.rate = self.schedule(0, steps)
        self.optimizer: Optimizer = checked(optimizer, optimizer.build(self.parameters, lr=self.rate))
        self.line_search = _asks_for_losses(self.optimizer)
        self.clip = training.clip if turn.clip is None else turn.clip
        self.tangents = self.position == 0 and bool(objective.constraints.tangents)
        self.meter = Meter()

    def step(self, objective: Objective, x: Tensor, step: int, streams: Streams) -> None:
        """Move the parameters once, unless a gate is shut.

        Args:
            objective: Gives the losses.
            x: The batch, [B, *input].
            step: The position of the run.
            streams: Where the noise of its passes comes from.
        """
        self._set_rate(step)
        evaluations = 0

        def evaluate() -> Tensor:
            """The loss and its gradient; an optimizer with a line search asks for it more than once a step."""
            nonlocal evaluations
            # The same noise at each evaluation of a step, or a line search would chase it.
            noise = streams.start("train", step, self.position)
            for p in self.parameters:  # optimizer.zero_grad() does the same, and a good deal more
                p.grad = None
            losses = objective(x, self.name, step, noise)
            losses.total.backward(inputs=self.inputs)
            self._limit_gradient(objective)
            if not evaluations:
                self.meter.add(losses)
            evaluations += 1
            return losses.total.detach()  # type: ignore[no-any-return]

        # A gate reads the loss of this very batch: nothing is remembered, so a run's position is still its step alone.
        if self.turn.gated and not self.turn.passes(float(evaluate())):
            return
        if self.line_search:
            self.optimizer.step(evaluate)  # type: ignore[arg-type]
            return
        if not evaluations:  # else the gate has worked out the gradient already
            evaluate()
        self.optimizer.step()

    def _set_rate(self, step: int) -> None:
        rate = self.schedule(step, self.steps)
        if rate == self.rate:  # what an optimizer does to its rate itself, it may do
            return
        self.rate = rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _limit_gradient(self, objective: Objective) -> None:
        """Tangents before the clip: what a constraint would undo takes no share of the norm."""
        if self.tangents:
            objective.project_gradients()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)


def _asks_for_losses(optimizer: Optimizer) -> bool:
    """Whether it cannot step without a closure, as a line search; for others a closure is a context more a step."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
