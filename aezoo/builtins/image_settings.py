"""What every set of images takes, wherever its files lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Self

from pydantic import field_validator

from aezoo.builtins.grouping import GroupedDatasetSpec
from aezoo.builtins.image_pixels import MODES
from aezoo.plugin import Field, Ints, Remark, Spec, Strings, text

#: Bytes of decoded images that are held, unless a spec says otherwise.
IN_MEMORY = 1 << 30


class ImageDatasetSpec(GroupedDatasetSpec):
    """Base of sets of images: their size, their classes, how they are held, what is done with damaged ones."""

    resize: Literal["refuse", "fit", "crop"] = Field(
        "refuse",
        description="images of another size: refuse, fit to the exact size, or scale and crop the centre",
    )
    background: Ints = Field((0, 0, 0), min_length=3, max_length=3, description="colour behind transparent pixels, RGB")
    classes: Strings | None = Field(None, description="words of the labels, in the order of their numbers")
    in_memory: bool | None = Field(
        None, description="whether all images are decoded and held; by default up to 1 GiB of pixels"
    )
    on_bad_sample: Literal["refuse", "skip"] = Field(
        "refuse", description="images that cannot be decoded: refuse, or leave them out and say how many"
    )

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: Strings | None) -> Strings | None:
        twice = sorted({name for name in classes or () if (classes or ()).count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice")
        return classes

    def remarks(self, spec: Spec) -> Iterator[Remark]:
        if len(spec.input.shape) != 3 or spec.input.shape[0] not in MODES:
            hint = "write input.shape = [C, H, W] with 1, 3 or 4 channels"
            yield Remark(f"images give samples [C, H, W], the input is {text(spec.input.shape)}", hint=hint)
        if not all(0 <= value <= 255 for value in self.background):
            yield Remark(f"data.background: {list(self.background)} is not a colour", hint="three values from 0 to 255")
        yield from super().remarks(spec)

    def knowing(self, words: Mapping[str, Sequence[str]]) -> Self:
        if not words.get("label"):
            return self
        return self.model_copy(update={"classes": tuple(dict.fromkeys((*words["label"], *(self.classes or ()))))})
