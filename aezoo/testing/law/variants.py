"""Law of variants."""

from __future__ import annotations

from collections.abc import Iterator

from aezoo.errors import AezooError
from aezoo.reading.reader import check
from aezoo.spec.document import Spec
from aezoo.testing.generate.minimal import Document, minimal_spec
from aezoo.testing.law.definition import VARIANT, law
from aezoo.testing.law.under_test import VariantUnderTest


@law(
    "L57",
    VARIANT,
    says="A small spec over the variant reads, and says what the variant says.",
    hint="write only keys of a spec; what a variant cannot know, such as `dim`, is left to the spec over it",
)
def stands(variant: VariantUnderTest) -> Iterator[str]:
    registry = variant.plugin.registry
    rests: list[Document] = [{"latent": {"dim": 2}}, {}, {"latent": {"type": "deterministic", "dim": 2}}]
    rests += [{"latent": rest["latent"]} for rest in variant.plugin.rests if "latent" in rest]
    try:
        spec = minimal_spec({"variants": [variant.name]}, registry=registry, rests=rests, lints=True)
    except AezooError as error:
        yield str(error)
        return
    missing = [key for key in variant.fragment if key not in Spec.model_fields]
    if missing:
        yield f"it fills {', '.join(missing)}, which no spec has"
    again, _ = check(spec.document(), registry=registry)
    if again != spec:
        yield "written out and read again it is another spec"


LAWS = [stands]
