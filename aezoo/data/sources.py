"""From a source to samples: open, check. Splits are in `aezoo.data.splits`, batches in `aezoo.data.batches`.

source --open_samples--> Samples --check--> Samples --split--> rows --Batches--> Tensor [B, *input]
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aezoo.data import frames, objects
from aezoo.data.fields import check_fields
from aezoo.data.sample_sizes import check_size, is_resized
from aezoo.data.split_sources import with_split_sources
from aezoo.data.values import Survey, check_domains, check_values
from aezoo.errors import DataError, DataWarning, NotFound, SpecError, UsageError
from aezoo.files import expanded
from aezoo.names import utf8
from aezoo.reading.bounds import MAX_BYTES
from aezoo.reading.merge import STATEMENTS
from aezoo.reading.reader import check as read_spec
from aezoo.reading.reader import read_as
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from aezoo.spec.component import field_name
from aezoo.spec.contracts import samples_of
from aezoo.spec.document import Spec
from aezoo.spec.kinds import SHARES, DatasetSpec, FileDatasetSpec
from aezoo.spec.lazy import with_channel
from aezoo.spec.samples import Array, Samples
from aezoo.spec.shape import Shape, text

Source = DatasetSpec | Samples | str | PathLike[str] | Array | Tensor | objects.Objects | frames.Frame | None


def open_samples(
    source: Source,
    spec: Spec,
    *,
    seed: int = 0,
    registry: Registry | None = None,
    as_input: bool = True,
    resized: bool = False,
    trained: bool = False,
) -> Samples:
    """The samples of a source, to be checked against the spec by `check`.

    Images [N, H, W] for an input [1, H, W] get a channel axis, if `as_input`; nothing else is changed.

    Args:
        source: None for the spec's own data; or a dataset, samples, an array or tensor [N, ...], or the path of a
            file or folder that one of the registered datasets reads by its ending; or a torch `Dataset` or
            `DataLoader`, a list of PIL images, or a data frame of pandas or polars.
        spec: Says the input's shape and kind, and its own data.
        seed: Passed to the dataset.
        registry: Where datasets for a path are looked up; None for the one of this process.
        as_input: Whether these are inputs of the model: a path of the same kind as the spec's own data is read with its
            settings, such as columns and resizing. False for codes.
        resized: Whether they keep their own size; for a model whose input has `sizes`.
        trained: Whether they are trained on in place of the spec's own data, and split as these are.

    Raises:
        DataError: They cannot be read.
        NotFound: There is no such file.
        UsageError: There is no source, or none of a kind that is known.
    """
    source = _own(spec) if source is None else source
    if frames.library_of(source):
        source = _of_frame(source, spec, registry or default_registry(), as_input=as_input)
    if isinstance(source, (str, PathLike)):
        own = spec.data if as_input else None
        source = _dataset_for(Path(source), registry or default_registry(), own, trained=trained)
    if isinstance(source, DatasetSpec):
        load = partial(_loaded, spec=spec, seed=seed, resized=resized)
        source = with_split_sources(source, load, registry or default_registry())
    samples = source if isinstance(source, Samples) else _from_array(source)
    shape = (1, *samples.shape)
    fits = spec.input.shape == shape or (resized and len(shape) == 3 and spec.input.shape[0] == 1)
    if as_input and spec.input.kind == "image" and fits:
        return replace(samples, values=with_channel(samples.values))
    return samples


def _loaded(dataset: DatasetSpec, *, spec: Spec, seed: int, resized: bool) -> Samples:
    """The samples of a dataset, of the spec's size or their own."""
    shape = spec.input.shape
    if resized:
        samples = samples_of(dataset, dataset.load(seed=seed))
        if len(samples.shape) != len(shape) or samples.shape[0] == shape[0]:
            return samples
        # An image may be read with another number of channels, if it is told how many.
        shape = (shape[0], *samples.shape[1:])
    return samples_of(dataset, dataset.load(shape=shape, seed=seed))


def _of_frame(frame: Any, spec: Spec, registry: Registry, *, as_input: bool) -> Samples:
    """The samples of a data frame, by the names of columns that the spec's own data have, if they have some."""
    dataset = frames.dataset_for(frame, registry, spec.data if as_input else None)
    return dataset.load_columns(frames.columns_of(frame), frames.title_of(frame))


def _own(spec: Spec) -> DatasetSpec:
    """The spec's own data. Raises `UsageError`."""
    if spec.data is None:
        raise UsageError("no data: the spec has none and none were given", hint="add a [data] table, or pass data")
    return spec.data


def source_of(
    path: Path | None,
    spec: Spec,
    settings: Sequence[str] = (),
    *,
    registry: Registry | None = None,
    as_input: bool = True,
    trained: bool = False,
) -> Path | DatasetSpec | None:
    """The data that `--data` or INPUT name, with the settings applied; the spec's own, if they name none.

    Args:
        path: Of a file or folder, or None.
        spec: Its data are read, or give the settings for `path`.
        settings: `data.key=x_train`, `data.resize=fit`: applied to the data that were named.
        registry: As for `open_samples`.
        as_input: As for `open_samples`.
        trained: As for `open_samples`.

    Raises:
        SpecError: This kind of data has no such settings.
        UsageError: There are settings and no data, or the settings name other data.
    """
    if not settings:
        return path
    registry = registry or default_registry()
    if path is None:
        changed = read_as(_own(spec), settings, registry=registry)
        if changed.separate().keys() != _own(spec).separate().keys():
            message = f"a trained model keeps what of its data was held out: {', '.join(settings)}"
            raise UsageError(message, hint="leave it out; --data FILE, or an INPUT, names other samples")
        return changed
    path = expanded(path)
    own = spec.data if as_input else None
    if _reads(own, path):
        # Before `_dataset_for`, too: it drops names (of keys, columns) that the file does not have.
        assert isinstance(own, FileDatasetSpec)
        own = _of_file(own.model_copy(update={"path": str(path)}), path, settings, registry)
    return _of_file(_dataset_for(path, registry, own, trained=trained), path, settings, registry)


def _of_file(dataset: DatasetSpec, path: Path, settings: Sequence[str], registry: Registry) -> DatasetSpec:
    """The dataset with its settings. Raises `UsageError` where these lead to other data."""
    changed = read_as(dataset, settings, registry=registry, path=str(path))
    if getattr(changed, "path", None) != str(path):
        raise UsageError(f"{path}: --set names other data: {', '.join(settings)}", hint="leave out one of the two")
    return changed


def restated(spec: Spec, source: Source, *, kept: Collection[str] = ()) -> Spec:
    """The spec with these samples in place of its own data, so that what is trained on them says so.

    A path is written relative to the working folder, or as its last name if it is elsewhere; an array leaves no data.
    A data frame is a table whose path says what it was, so that the model keeps its columns. Shares of validation and
    test stay. With other data, description, licence and paper no longer apply: they are removed, but for those in
    `kept`.
    """
    if source is None:
        return spec
    dataset: DatasetSpec | None = None
    if isinstance(source, (str, PathLike)):
        dataset = _dataset_for(Path(source), default_registry(), spec.data, trained=True)
    elif isinstance(source, DatasetSpec):
        dataset = source
    if frames.library_of(source):
        dataset = frames.dataset_for(source, default_registry(), spec.data)  # type: ignore[arg-type]
    elif isinstance(dataset, FileDatasetSpec):
        dataset = dataset.moved(lambda path: _from_here(Path(path)))
    _warn_of_unused(spec, dataset, source)
    other = spec.data is not None and _identity(dataset) != _identity(spec.data)
    dropped = {name: "" for name in STATEMENTS if other and name not in kept}
    return spec.model_copy(update={"data": dataset, **dropped})


def _warn_of_unused(spec: Spec, dataset: DatasetSpec | None, source: Source) -> None:
    """Warn of what the spec splits its own data by, where other data stand in their place: sources, groups, times."""
    kept = {} if dataset is None else dataset.separate()
    for name, settings in (spec.data.separate() if spec.data is not None and source is not None else {}).items():
        if name not in kept:
            what = f"data.{name} of the spec, {settings.get('path', settings)}, is not used: the data are others"
            hint = f"--set data.{name}.path=FILE beside --data names a source for it"
            warnings.warn(DataWarning(what, hint), stacklevel=4)
    if isinstance(source, Samples):  # they come with what they are split by
        return
    before, after = (data.model_dump() if isinstance(data, FileDatasetSpec) else {} for data in (spec.data, dataset))
    for key in ("group", "time"):
        if (value := before.get(key)) is not None and after.get(key) is None:
            what = f"data.{key} of the spec, {value!r}, is not used: the data are others"
            hint = f"--set data.{key}=NAME beside --data says by what they are split, else it is at random"
            warnings.warn(DataWarning(what, hint), stacklevel=4)


def with_settings(spec: Spec, samples: Samples) -> Spec:
    """The spec whose data have the settings that its samples came with, so that its model reads other files alike.

    Settings that no spec holds, such as 20,000 names of columns, are left out, with a warning.
    """
    if spec.data is None or not samples.settings:
        return spec
    stated = spec.model_copy(update={"data": spec.data.model_copy(update=dict(samples.settings))})
    if not (fault := _unreadable(stated)):
        return stated
    names = ", ".join(samples.settings)
    message = f"{samples.source}: no spec holds its {names}, and the model keeps none of them: {fault}"
    warnings.warn(DataWarning(message, "other files are read by position: keep their order"), stacklevel=4)
    return spec


def _unreadable(spec: Spec) -> str:
    """Why this spec could not be read again; empty if it can."""
    try:
        document = spec.document()
        read_spec(document)
        size = len(to_json(document).encode())
    except (SpecError, UnicodeEncodeError) as error:
        return str(error).partition("\n")[0]
    return f"it has {size:,} bytes, and {MAX_BYTES:,} at most are read" if size > MAX_BYTES else ""


def _identity(dataset: DatasetSpec | None) -> dict[str, Any] | None:
    """The settings that say which data these are: all but the shares of the splits."""
    return None if dataset is None else dataset.model_dump(exclude=set(SHARES))


def _from_here(path: Path) -> str:
    full = expanded(path).absolute()
    # A spec is UTF-8 text: other bytes of a name are escaped.
    return utf8(full.relative_to(Path.cwd()).as_posix() if full.is_relative_to(Path.cwd()) else full.name)


def _from_array(source: Any) -> Samples:
    if isinstance(source, Tensor):
        return Samples(_numpy(source), "tensor")
    if isinstance(source, np.ndarray):
        return Samples(source, "array")
    if (samples := objects.samples_from(source, _numpy)) is not None:
        return samples
    hint = "pass an array or a tensor [N, ...], a torch Dataset, a list of PIL images, or the path of a file or folder"
    raise UsageError(f"data are a {type(source).__name__}", hint=hint)


#: Types that numpy lacks and float32 holds exactly.
_NARROW = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)


def _numpy(tensor: Tensor) -> Array:
    """The tensor as an array; bfloat16 and the floats of 8 bits become float32, which is exact."""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantized" if tensor.is_quantized else "without values" if tensor.is_meta else str(tensor.layout)
        raise DataError(f"tensor: it is {kind}, and samples are plain numbers", hint="pass a dense tensor of floats")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        return (tensor.float() if tensor.dtype in _NARROW else tensor).numpy()
    except TypeError:
        hint = "convert it to float32, or uint8 (0..255 spans the declared range)"
        raise DataError(f"tensor: values are {tensor.dtype}", hint=hint) from None


def _dataset_for(path: Path, registry: Registry, own: DatasetSpec | None, *, trained: bool = False) -> DatasetSpec:
    """A dataset that reads the path, with the settings of `own` if it has the same type, and its shares of splits."""
    path = expanded(path)
    if not path.exists():
        raise NotFound(f"{path.absolute()}: no such file or folder")
    suffix = _ending(path)
    if isinstance(own, FileDatasetSpec) and _reads(own, path):
        return own.at_training(path) if trained else own.at(path)
    shares = dict(zip(("validation", "test"), own.fractions(), strict=True)) if own is not None else {}
    shares = {name: share for name, share in shares.items() if own is None or name not in own.separate()}
    known: set[str] = set()
    parts = [*_file_datasets(registry)]
    # A folder of shards or recordings before one of images, which any folder may be.
    for part in sorted(parts, key=lambda part: not (path.is_dir() and part.knows(path))):
        if suffix in part.suffixes or (path.is_dir() and part.knows(path)):
            # pydantic refuses strings that are not UTF-8; a file name may be one.
            dataset = part.model_validate({"type": part.tag(), "path": utf8(str(path)), **shares})
            return dataset.model_copy(update={"path": str(path)})
        known.update(part.suffixes)
    raise UsageError(
        f"{path}: no dataset reads {suffix or 'a file without an ending'}",
        hint=f"these are read: {' '.join(sorted(known - {'/'}))}, and folders",
    )


def _reads(own: DatasetSpec | None, path: Path) -> bool:
    """Whether the spec's own kind of data reads a path."""
    if not isinstance(own, FileDatasetSpec):
        return False
    return _ending(path) in own.suffixes or (path.is_dir() and own.knows(path))


def _ending(path: Path) -> str:
    """The ending of a file's name, by which its dataset is chosen; "/" of a folder."""
    return "/" if path.is_dir() else FileDatasetSpec.ending(path)


def _file_datasets(registry: Registry) -> Iterator[type[FileDatasetSpec]]:
    for name in registry.names("dataset"):
        part = registry.get("dataset", name)
        if issubclass(part, FileDatasetSpec):
            yield part


def check(
    samples: Samples,
    spec: Spec,
    *,
    widths: float = 0.0,
    fields: Collection[str] | None = None,
    resized: bool = False,
) -> Survey | None:
    """Refuse samples that are not what the spec says, naming the first bad sample and where it is bad.

    All values are read, a few million at a time. uint8 values are not: 0..255 spans the declared range.

    Args:
        samples: All of them.
        spec: Says shape, range and precision.
        widths: How far values may leave the range, in its own widths.
        fields: Those of the declared fields that are needed; None for all.
        resized: Whether they may have another size that the model takes.

    Returns:
        How far the values go; None of uint8.

    Raises:
        DataError: Wrong type, shape, NaN, infinity, a value outside the range, or beyond float32 where the spec
            does not compute in float64; or a field that is not as declared.
    """
    values = samples.values
    if values.dtype != np.uint8 and values.dtype not in (np.float16, np.float32, np.float64):
        hint = "convert to uint8 (0..255 spans the declared range) or float32"
        raise DataError(f"{samples.source}: values are {values.dtype}", hint=hint)
    if not len(samples):
        raise DataError(f"{samples.source}: holds no samples")
    if resized and is_resized(samples.shape, spec):
        check_size(samples, spec)
    elif samples.shape != spec.input.shape:
        raise DataError(
            f"{samples.source}: samples are {text(samples.shape) or 'single numbers'},"
            f" the input is {text(spec.input.shape)}",
            hint="; or ".join(filter(None, [_shape_hint(values.shape, spec.input.shape), samples.shape_hint])),
        )
    seen = None
    if values.dtype != np.uint8:
        double = spec.training.precision == "float64"
        seen = check_values(samples, spec.input.range, double=double, widths=widths)
    wanted = spec.fields if fields is None else fields
    check_fields(samples, spec, wanted)
    for domains in filter(None, spec.input_domains):
        check_domains(samples, values, domains, units=partial(_units, spec=spec))
    if spec.target is not None and (name := field_name(spec.target)) in wanted and spec.target_domains:
        check_domains(samples, samples.fields[name], spec.target_domains, f"field {name!r}")
    return seen


def _units(values: Array, spec: Spec) -> Array:
    """Values as the model gets them: uint8 spans the declared range."""
    if values.dtype != np.uint8 or spec.input.range is None:
        return values
    low, high = spec.input.range
    return values * ((high - low) / 255) + low


def _shape_hint(shape: Sequence[int], wanted: Shape) -> str:
    got = tuple(shape[1:])
    if len(wanted) == 2 and (windows := _windows(tuple(shape), wanted)):
        return windows
    if tuple(shape) == wanted:
        return "this is one sample; a set of one is values[None]"
    if got == (*wanted[1:], wanted[0]):
        return "channels come last; bring them first: numpy.moveaxis(values, -1, 1)"
    if got == (wanted[-1], *wanted[:-1]):
        return f"the input has its channels last; write input.shape = {list(got)}"
    if len(got) == len(wanted) > 1 and got[1:] == wanted[1:]:
        return f"{got[0]} channels instead of {wanted[0]}"
    if math.prod(got) == math.prod(wanted):
        return "there are as many values; reshape them, or change input.shape"
    return f"write input.shape = {list(got)}, or give other data" if got else "samples are [N, ...]"


def _windows(shape: Shape, wanted: Shape) -> str:
    """How one long recording is cut into signals [C, L]; empty where it is none."""
    channels, length = wanted
    count = shape[-1] // length
    index = {(1, channels, shape[-1]): "0, :, ", (channels, shape[-1]): ":, "}.get(shape, "")
    if count > 1 and shape == (shape[-1],) and channels == 1:
        return f"one long recording; cut it into windows: values[:{count * length}].reshape(-1, 1, {length})"
    if count > 1 and index:
        cut = f"numpy.stack(numpy.split(values[{index}:{count * length}], {count}, axis=1))"
        return f"one long recording; cut it into windows: {cut}"
    if len(shape) == 2 and shape[1] < length <= shape[0]:
        return f"each row was read as a sample; a set of signals is an array [N, {channels}, {length}] of windows"
    return ""
