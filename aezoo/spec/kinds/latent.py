"""Latents: the bottleneck, from features to a code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from aezoo.spec.component import Component
from aezoo.spec.kinds.layer import Affine, LayerSpec, Style
from aezoo.spec.kinds.prior import PriorSpec
from aezoo.spec.shape import Shape, flat
from aezoo.spec.window import Window

if TYPE_CHECKING:
    from torch import nn


class LatentSpec(Component):
    """The bottleneck: features [B, *shape] -> a code with a `z` [B, *code_shape(shape)] and what it provides."""

    kind: ClassVar[str] = "latent"
    #: Fields of the code beside `z`: what a regularizer may need.
    provides: ClassVar[frozenset[str]] = frozenset()
    #: The field that "the code of x" means: what `encode` returns and what the tap `latent` reads.
    point: ClassVar[str] = "z"
    #: Whether the module knows the density that `z` is drawn from: `log_prob(code, z) -> [B]`, in nats, and
    #: `redraw(code, generator) -> code`, another draw of each sample's posterior (see `aezoo.nn.code.Posterior`).
    posterior: ClassVar[bool] = False
    #: Whether `z` is drawn, in training, from a posterior: it then wants a term that limits its information.
    noisy: ClassVar[bool] = False
    #: Whether it draws by rejection, so that the draw of a sample depends on how many numbers those before it took.
    rejection: ClassVar[bool] = False
    #: The curved space that its codes lie in (`sphere`, say), over which the prior has to be a density; empty for R^n.
    #: The module may have `between(a, b, t)`, the shortest way from one code to another (see `aezoo.nn.code.Curved`).
    space: ClassVar[str] = ""
    #: Whether how many values may be active is fixed by construction: it wants no sparsity penalty.
    sparse: ClassVar[bool] = False
    #: Whether `z` is one of finitely many codes, whose information no penalty has to limit.
    quantized: ClassVar[bool] = False
    #: The provided field that names `z` by whole numbers (indices into a codebook), each below `alphabet()`; then
    #: `encode` can give it, `decode` takes it, and the module has `embed(indices) -> z`. Empty if there is none.
    discrete: ClassVar[str] = ""
    dim: int = Field(ge=1, description="width of the code: values, or channels of a spatial one")
    prior: PriorSpec | None = Field(None, description="density that `sample` draws from")

    @classmethod
    def offers(cls) -> frozenset[str]:
        """What of a latent the `needs` of a term may name: fields of the code, and `posterior`."""
        return cls.provides | ({"z", "posterior"} if cls.posterior else {"z"})

    @property
    def has_rate(self) -> bool:
        """Whether a code has a rate: its posterior and the prior that it is trained with have densities."""
        return self.posterior and (self.prior is None or self.prior.fitted or self.prior.density)

    @property
    def suits_prior(self) -> bool:
        """Whether the density that codes are compared with is one over the space that they lie in."""
        if self.prior is None:  # a rate is then measured against N(0, I)
            return not (self.posterior and self.space)
        return self.prior.space in (self.space, None)

    def code_shape(self, shape: Shape) -> Shape:
        """Shape of `z` for features of this shape."""
        raise NotImplementedError

    def tap_shape(self, field: str, shape: Shape) -> Shape:
        """Shape of a provided field; the code's own unless the latent says otherwise."""
        return self.code_shape(shape)

    def alphabet(self) -> int:
        """How many values an entry of the discrete code takes; 0 if there is none."""
        return 0

    def mirror(self, shape: Shape, *, style: Style) -> Sequence[LayerSpec]:
        """The layers that lead from `z` back to features of `shape`, ending in `style`."""
        raise NotImplementedError

    def parameters(self, shape: Shape) -> int:
        """How many weights it has for features of this shape (counted without torch)."""
        return 0

    def activations(self, shape: Shape) -> int:
        """How many values a forward pass keeps of a sample: the code, and what it provides."""
        provided = sum(flat(self.tap_shape(field, shape)) for field in self.provides)
        return flat(self.code_shape(shape)) + provided

    def in_use(self, shape: Shape) -> int:
        """As for a layer: how many values a pass without gradients holds at once for it, of a sample."""
        return flat(shape) + flat(self.code_shape(shape)) + self.activations(shape)

    def maps(self, shape: Shape) -> Sequence[Affine] | None:
        """As for a layer: its linear maps and convolutions, in order; None if it does not say."""
        return None

    def sees(self, shape: Shape) -> Window | None:
        """As for a layer: what a position of the code sees of the features; None if there is one size only."""
        return None

    def build(self, shape: Shape) -> nn.Module:
        """A module: `forward(h, generator=None) -> code` (a NamedTuple); without a generator it draws nothing.

        It may learn beside the gradient (running means, restarts) in a forward pass in training, as batch
        normalization does: in buffers, without a change in evaluation.
        """
        raise NotImplementedError
