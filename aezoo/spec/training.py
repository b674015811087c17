"""How a spec says it is trained. What only the machine knows (device, threads) is no part of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aezoo.spec.component import Frozen
from aezoo.spec.kinds import OptimizerSpec

DEFAULT_EPOCHS = 20


class PlateauSpec(Frozen):
    """How learning rates fall where validation gets no better."""

    factor: float = Field(0.1, gt=0, lt=1, description="what the rates are multiplied by, each time")
    patience: int = Field(10, ge=0, description="validations without a better value before the rates fall")
    threshold: float = Field(1e-4, ge=0, lt=1, description="share of the best value by which a better one is lower")
    cooldown: int = Field(0, ge=0, description="validations after a fall that do not count")
    least: float = Field(0.0, ge=0, lt=1, description="the share of their schedules that the rates fall to at most")


class TrainingSpec(Frozen):
    """The `[training]` table."""

    epochs: int | None = Field(None, ge=1, description=f"passes over the data; {DEFAULT_EPOCHS} if neither is said")
    steps: int | None = Field(None, ge=1, description="optimizer steps, instead of epochs")
    batch_size: int = Field(128, ge=1, description="samples per step")
    micro_batch: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        None,
        description="samples in one pass at most: the gradients of a batch are added up over its passes, which takes"
        " less memory; batch norm and terms of a whole batch see the samples of one pass; 'auto' takes what fits the"
        " memory that is free when the run begins",
    )
    optimizer: OptimizerSpec = Field(default="adam", description="how weights move")  # type: ignore[assignment]
    seed: int = Field(0, ge=0, lt=2**63, description="of initialisation, order, corruption and latent noise")
    clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    ema: float | None = Field(None, gt=0, lt=1, description="decay per step of the averaged weights that are kept")
    precision: Literal["float32", "float64", "bfloat16", "float16", "fast"] = Field(
        "float32",
        description="of the computation; bfloat16 and float16 are autocast over float32 weights, the latter with a"
        " scaled loss; fast is what of float32, TF32, bfloat16 and the two orders of images in memory a measurement"
        " before the first step finds fastest",
    )
    recompute: bool = Field(
        False, description="layers keep no activations for the backward pass, which computes them anew: less memory"
    )
    channels_last: bool = Field(False, description="of images the channels lie side by side in memory")
    compile: bool = Field(False, description="layers are compiled, by torch.compile")
    best_by: str = Field(
        "total", description="term whose lowest validation value keeps the weights; 'last' keeps the last"
    )
    validate_every: int | None = Field(
        None, ge=1, description="steps between two validations; unless said, one at the end of each epoch"
    )
    patience: int | None = Field(
        None, ge=1, description="validations without a better value before it stops: epochs, unless `validate_every`"
    )
    plateau: PlateauSpec | None = Field(
        None, description="lowers all learning rates where the validation value of `best_by` gets no better"
    )
    on_nonfinite: Literal["stop", "rollback"] = Field(
        "stop",
        exclude_if=lambda policy: policy == "stop",  # documents of specs that do not ask for it stay as they are
        description="when a loss is not finite: stop, or go back at least 100 steps and on at half the rate, and leave"
        " the batch out if it fails again; three times at most",
    )
    log_every: int = Field(100, ge=1, description="steps between records in metrics.jsonl")

    @property
    def most_in_a_pass(self) -> int | None:
        """Samples in one pass, at most; None for whole batches, and where a run is still to choose."""
        return None if self.micro_batch == "auto" else self.micro_batch

    @property
    def pass_size(self) -> int:
        """Samples in one pass, at most."""
        return min(self.batch_size, self.most_in_a_pass or self.batch_size)

    @property
    def passes(self) -> int:
        """Over the data, where no steps are said."""
        return self.epochs or DEFAULT_EPOCHS

    def total_steps(self, steps_per_epoch: int) -> int:
        """Length of the run in optimizer steps."""
        return self.steps or self.passes * steps_per_epoch
