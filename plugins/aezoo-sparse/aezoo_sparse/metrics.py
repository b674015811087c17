"""Metrics of sparse codes. Report recovery beside explained variance: wrong directions can explain everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aezoo.plugin import Affine, Component, MetricSpec, Spec
from aezoo_sparse.dictionary import DictionarySpec

if TYPE_CHECKING:
    from aezoo.nn.code import Accumulator


def _selects(spec: Spec) -> bool:
    """Whether values of the code can be zero: those of a relu or a selection."""
    return "pre" in spec.latent.provides and getattr(spec.latent, "activation", "relu") == "relu"


class L0Spec(MetricSpec):
    """How many values of a code are not zero, averaged over samples.

    Example:
        type = "sparse:l0"
    """

    type: Literal["l0"] = "l0"
    better: ClassVar[str] = ""

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        return _selects(spec)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo.nn.metrics import Mean
        from aezoo_sparse.accumulators import active_count

        return Mean(active_count)


class ExplainedVarianceSpec(MetricSpec):
    """Share of the variance of the split that reconstructions explain: 1 - fvu.

    Example:
        type = "sparse:explained_variance"
    """

    type: Literal["explained_variance"] = "explained_variance"
    better: ClassVar[str] = "higher"

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_sparse.accumulators import ExplainedVariance

        return ExplainedVariance()


class RecoverySpec(MetricSpec):
    """Mean over true directions of the cosine with the nearest column of the decoder.

    For models that reconstruct the dataset `sparse:dictionary` by a decoder of one linear map ("mean max cosine
    similarity", Sharkey et al. 2022). 1 is perfect, but ignores units that match no true direction.

    Example:
        type = "sparse:recovery"
        input = [32]

        [data]
        type = "sparse:dictionary"
        features = 32
    """

    type: Literal["recovery"] = "recovery"
    better: ClassVar[str] = "higher"

    @classmethod
    def applies(cls, spec: Spec) -> bool:
        if spec.target is not None:  # columns are then directions of that, not of the samples
            return False
        back = spec.decoder_layers()
        maps = back[0].maps(spec.code_shape) if len(back) == 1 else None
        return isinstance(spec.data, DictionarySpec) and maps == (Affine(spec.latent.dim, spec.data.features),)

    def build(self, spec: Spec) -> Accumulator:
        from aezoo_sparse.accumulators import Recovery

        assert isinstance(spec.data, DictionarySpec)
        return Recovery(spec.data.directions())


COMPONENTS: list[type[Component]] = [L0Spec, ExplainedVarianceSpec, RecoverySpec]
