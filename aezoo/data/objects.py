"""Samples from objects that Python programs hold: a torch dataset, a DataLoader, a list of PIL images.

object --samples_from--> Samples, all of them in memory
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
    default_convert,
)

from aezoo.errors import DataError, DataWarning, UsageError
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import text

#: Modes of PIL whose values are those of the image: a palette's, or 16 bits in whole numbers, are not.
MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "F")


def samples_from(source: Any, as_array: Callable[[Tensor], Array]) -> Samples | None:
    """The samples that a torch dataset, a DataLoader or a list of PIL images holds; None if it is none of these.

    Each item is asked for once, in the order of its number, and all are held: a random transform is drawn once. An item
    is a sample (a tensor, an array or an image), or a pair of a sample and its label, which is one number.

    Args:
        source: Whatever was passed as data.
        as_array: Makes an array of a tensor.

    Raises:
        DataError: An item cannot be read, or is not like the first; there are none.
        UsageError: It cannot be read by number, or a DataLoader reads something else than all items of its dataset.
    """
    if isinstance(source, DataLoader):
        dataset = _dataset_of(source)
        warnings.warn(
            DataWarning(
                f"{_title(dataset)} of a DataLoader: its order and its batches are not used",
                "pass the dataset itself; training.batch_size says how many samples are in a batch",
            ),
            stacklevel=4,
        )
        return _read(dataset, f"{_title(dataset)} of a DataLoader", as_array)
    if isinstance(source, Dataset):
        return _read(source, _title(source), as_array)
    if isinstance(source, (list, tuple)) and source and all(_is_image(item) for item in source):
        return _read(source, "list of PIL images", as_array)
    if _is_image(source):
        raise UsageError("data are one PIL image", hint="a set of one is a list: [image]")
    return None


def _title(dataset: object) -> str:
    return f"torch dataset {type(dataset).__name__}"


def _dataset_of(loader: DataLoader[Any]) -> Any:
    """The dataset of a loader that gives all its items, unchanged. Raises `UsageError`."""
    dataset, title = loader.dataset, _title(loader.dataset)
    if isinstance(dataset, IterableDataset):
        return dataset
    batched = loader.batch_sampler is None or type(loader.batch_sampler) is BatchSampler
    whole = type(loader.sampler) in (SequentialSampler, RandomSampler) and not getattr(
        loader.sampler, "replacement", False
    )
    if not (batched and whole and len(cast(Any, loader.sampler)) == len(cast(Any, dataset))):
        hint = "pass the samples that are meant: torch.utils.data.Subset(dataset, rows)"
        raise UsageError(f"{title}: its DataLoader has a sampler of its own, which is not used", hint=hint)
    if loader.collate_fn not in (default_collate, default_convert):
        hint = "pass a dataset whose items are the samples"
        raise UsageError(f"{title}: its DataLoader has a collate_fn of its own, which is not used", hint=hint)
    return dataset


def _is_image(item: object) -> bool:
    """Whether it is an image of PIL, which is not imported for this."""
    return any(base.__module__ == "PIL.Image" and base.__name__ == "Image" for base in type(item).__mro__)


@dataclass
class _Items:
    """Items read so far: the values of all in one array, made when the first one is known.

    Attributes:
        source: For messages.
        count: Of all items.
        values: [N, *shape].
        labels: One for each item, if they have labels.
    """

    source: str
    count: int
    values: Array | None = None
    labels: list[float | int] = field(default_factory=list)

    def add(self, number: int, value: Array, label: float | int | None) -> None:
        if self.values is None:
            self.values = np.empty((self.count, *value.shape), value.dtype)
        wanted = self.values.shape[1:]
        if value.shape != wanted or value.dtype != self.values.dtype:
            got, first = (f"{text(shape) or 'one number'} of {kind}" for shape, kind in (
                (value.shape, value.dtype), (wanted, self.values.dtype)))  # fmt: skip
            hint = "bring all samples to one shape and type, with a transform, say"
            raise DataError(f"{self.source}: item {number} is {got}, item 0 is {first}", hint=hint)
        if number and (label is None) == bool(self.labels):
            without = number if label is None else 0
            raise DataError(f"{self.source}: item {without} has no label, others have one")
        self.values[number] = value
        if label is not None:
            self.labels.append(label)


def _read(source: Any, title: str, as_array: Callable[[Tensor], Array]) -> Samples:
    count = _length(source, title)
    items = _Items(title, count)
    for number in range(count):
        try:
            item = source[number]
        except Exception as error:  # whatever the user's code raises
            message = f"{title}: item {number} cannot be read: {type(error).__name__}: {error}"
            raise DataError(message, hint="correct the dataset, or leave the item out") from error
        value, label = _parts(item, f"{title}: item {number}")
        items.add(number, _array(value, f"{title}: item {number}", as_array), label)
    assert items.values is not None
    labels = np.array(items.labels) if items.labels else None
    if labels is not None and labels.dtype.kind == "f":
        return Samples(items.values, title, fields={"label": labels})
    return Samples(items.values, title, labels=labels)


def _length(source: Any, title: str) -> int:
    if isinstance(source, IterableDataset) or not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
        hint = "pass a dataset with __getitem__ and __len__: a list of its items in torch.utils.data.Subset, say"
        raise UsageError(f"{title}: its samples have no numbers, by which they are split and shuffled", hint=hint)
    count = len(source)
    if not count:
        raise DataError(f"{title}: holds no samples")
    return count


def _parts(item: Any, where: str) -> tuple[Any, float | int | None]:
    """The sample of an item, and its label if it has one."""
    if not isinstance(item, (tuple, list)):
        return item, None
    if len(item) == 1:
        return item[0], None
    if len(item) != 2:
        hint = "items are a sample, or a sample and its label; pass more as fields={...}"
        raise DataError(f"{where}: holds {len(item)} things", hint=hint)
    label = np.asarray(item[1].detach().cpu() if isinstance(item[1], Tensor) else item[1])
    if label.size != 1 or label.dtype.kind not in "biuf":
        hint = "number the classes; several numbers for each sample are passed as fields={...}"
        raise DataError(f"{where}: its label is {item[1]!r:.60}, not one number", hint=hint)
    if label.dtype.kind == "u" and int(label.item()) >= 2**63:
        raise DataError(f"{where}: label {label.item()} is beyond 64 bits with a sign", hint="number the classes")
    return item[0], label.item() if label.dtype.kind == "f" else int(label.item())


def _array(value: Any, where: str, as_array: Callable[[Tensor], Array]) -> Array:
    if isinstance(value, Tensor):
        return as_array(value)
    if isinstance(value, np.ndarray):
        return value
    if _is_image(value):
        return _pixels(value, where)
    hint = "items are tensors, arrays or PIL images, or pairs of one and its label"
    raise DataError(f"{where}: is a {type(value).__name__}", hint=hint)


def _pixels(image: Any, where: str) -> Array:
    """The pixels of an image, channels first: [H, W] of one channel, else [C, H, W]."""
    if image.mode not in MODES:
        hint = 'convert it: image.convert("RGB"), or "L"; for 16 bits pass arrays of floats'
        raise DataError(f"{where}: an image of mode {image.mode!r}", hint=hint)
    try:
        pixels = np.asarray(image)
    except Exception as error:  # a file that is cut is read only now
        raise DataError(f"{where}: cannot be read: {error}", hint="leave it out, or replace its file") from error
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


#: What `samples_from` reads, for signatures.
Objects = Dataset[Any] | DataLoader[Any] | Sequence[Any]
