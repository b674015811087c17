"""Saving: a model in its folder, the same on a disk and on the Hub.

    config.json           the resolved spec, its format version and fingerprints, the sha256 of the weights
    model.safetensors     the weights; the header holds config.json again, so this file alone rebuilds the model
    metrics.json          scores beside those of baselines
    training.json         the run: device, seed, versions, time, history
    training.safetensors  what only training needs, where there is any: the weights of a critic
    README.md             the model card
    samples/*.png         originals against reconstructions, samples from the prior, interpolations

A model takes the place of another in one step, and is looked at as `load` would look at it before it does:
`aezoo.storage.writer` says how.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from aezoo.errors import AezooError, PluginError, RunFailed
from aezoo.evaluation.units import drawable
from aezoo.files import atomic_write
from aezoo.model import Model
from aezoo.registry.attribution import BUILT_BY, attributed
from aezoo.registry.entry_points import titled
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.storage import config_json, layout, pictures, training_tensors, weights
from aezoo.storage.card import card
from aezoo.storage.loading import refuse_shapes
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import verify_weights
from aezoo.storage.writer import Writer, writing

if TYPE_CHECKING:
    from PIL import Image

    from aezoo.evaluation.scores import Scores

#: Samples of the prior in a picture, steps and pairs of an interpolation; columns of plots, wider than images.
DRAWN, STEPS, PAIRS, PLOTS = 25, 10, 3, 6
#: Weights that cannot be a model's, kept all the same: of a run that failed, and of a model that would not load.
UNFINISHED, REJECTED = "unfinished.safetensors", "rejected.safetensors"


class Trained(Protocol):
    """What a training knows of the model that it gave: a `Run`."""

    @property
    def model(self) -> Model: ...
    @property
    def scores(self) -> Scores | None: ...
    @property
    def record(self) -> dict[str, Any]: ...
    @property
    def history(self) -> list[dict[str, Any]]: ...
    @property
    def auxiliary_state(self) -> dict[str, torch.Tensor]: ...


@attributed()
def save(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    scores: Scores | None = None,
    run: Trained | None = None,
    force: bool = False,
) -> Path:
    """Keep a model in a folder, with its card and pictures.

    Args:
        model: What is kept.
        folder: To be made. Files of another kind in it stay as they are.
        scores: What `evaluate` gave; the pictures show its examples.
        run: What `train` gave.
        force: Whether a folder that is not empty may be written to.

    Raises:
        Refused: The folder is not empty, or another process writes to it.
        RunFailed, PluginError: It cannot be written to, or the model would not load again.
    """
    folder = Path(folder)

    def fill(stage: Path) -> None:
        _write_pictures(model, stage, scores)
        _write_facts(model, stage, scores, run)
        _write_model(model, stage, run)

    try:
        with writing(folder, force=force) as writer:
            writer.replace(fill)
            writer.checkpoints.clear()  # of a run that was stopped there: it would go on over this model
    except _Unloadable as error:
        raise error.fault from None
    return folder


def keep(writer: Writer, run: Trained) -> None:
    """Put the weights of a run and their spec in place of what is there: all that makes a model.

    Raises:
        RunFailed, PluginError: It cannot be written, or would not load again; the weights are kept in another file,
            if they can be, and an older model stays.
    """

    def fill(stage: Path) -> None:
        _write_model(run.model, stage, run)
        with suppress(RunFailed):  # weights that can be written are not lost for their record: see `keep_record`
            _write_record(stage, run)

    try:
        writer.replace(fill)
    except _Unloadable as error:
        path = _keep_alone(writer, REJECTED, run.model)
        error.fault.hint = f"the weights are in {path}"
        raise error.fault from None


def keep_unfinished(writer: Writer, model: Model) -> Path:
    """Put weights that are no model's beside an older model, in one file that can be loaded alone; returns it."""
    return _keep_alone(writer, UNFINISHED, model)


def keep_record(writer: Writer, run: Trained) -> None:
    """Put the record of a run beside its model, if it could not be written with that."""
    if not (writer.folder / layout.TRAINING).exists():
        writer.add(lambda stage: _write_record(stage, run))


def keep_scores(writer: Writer, scores: Scores) -> None:
    """Put scores beside a model that is kept."""
    writer.add(lambda stage: atomic_write(stage / layout.METRICS, _json(scores.as_dict())))


def keep_pictures(writer: Writer, model: Model, scores: Scores | None) -> None:
    """Put pictures beside a model that is kept."""
    writer.add(lambda stage: _write_pictures(model, stage, scores))


def keep_card(writer: Writer, run: Trained) -> None:
    """Put the card beside a model that is kept: what it says of scores and pictures is what is there."""
    drawn = [name for name in layout.PICTURES if (writer.folder / f"samples/{name}.png").is_file()]
    writer.add(lambda stage: _write_card(stage, run.model, run.scores, run.record, drawn))


def _write_model(model: Model, stage: Path, run: Trained | None) -> None:
    """Weights and config.json, which is written last; then both are looked at as `load` would."""
    spec = model.spec
    text = to_json(config_json.manifest(spec), indent=None)
    weights.write_weights(stage / weights.NAME, model.network.state_dict(), text)
    if run:
        training_tensors.write(stage, spec, run.auxiliary_state)
    files = ModelFiles(stage)
    atomic_write(stage / config_json.NAME, _json(config_json.config(spec, files.content(weights.NAME))))
    _look_at(model, files)


def _write_facts(model: Model, stage: Path, scores: Scores | None, run: Trained | None) -> None:
    if scores:
        atomic_write(stage / layout.METRICS, _json(scores.as_dict()))
    if run:
        _write_record(stage, run)
    drawn = [name for name in layout.PICTURES if (stage / f"samples/{name}.png").is_file()]
    _write_card(stage, model, scores, run.record if run else {}, drawn)


def _write_record(stage: Path, run: Trained) -> None:
    atomic_write(stage / layout.TRAINING, _json({**run.record, "history": run.history}))


def _write_card(stage: Path, model: Model, scores: Scores | None, record: dict[str, Any], drawn: Sequence[str]) -> None:
    metrics = scores.as_dict() if scores else None
    atomic_write(stage / layout.CARD, card(model.spec, metrics, record, pictures=[*drawn]))


def _write_pictures(model: Model, stage: Path, scores: Scores | None) -> None:
    folder = stage / "samples"
    for name, picture in _pictures(model, scores):
        folder.mkdir(exist_ok=True)
        buffer = BytesIO()
        picture.save(buffer, "PNG")  # optimized, it is half a percent smaller and takes seven times as long
        atomic_write(folder / f"{name}.png", buffer.getvalue())


def _json(document: dict[str, Any]) -> str:
    return to_json(document) + "\n"


def _keep_alone(writer: Writer, name: str, model: Model) -> Path:
    text = to_json(config_json.manifest(model.spec), indent=None)
    writer.add(lambda stage: weights.write_weights(stage / name, model.network.state_dict(), text))
    return writer.folder / name


class _Unloadable(RunFailed):
    """What was written would not load again; `fault` says why, and whose fault it is."""

    def __init__(self, fault: AezooError) -> None:
        super().__init__(fault.message, hint=fault.hint)
        self.fault = fault


def _look_at(model: Model, files: ModelFiles) -> None:
    """Hold what was written to what a load demands. Raises `_Unloadable`."""
    try:
        refuse_shapes(verify_weights(files, config_json.read_config(files)))
    except AezooError as error:
        raise _Unloadable(_fault_of(model, error, files.folder)) from error


def _fault_of(model: Model, error: AezooError, stage: Path) -> AezooError:
    """Why a model would not load again: the fault of the part that holds the tensor, where one is named."""
    why = error.message.replace(f"{stage}{os.sep}", "")
    part = _plugin_of(model, why)
    message = f"the model would not load again, and is not kept as one: {why}"
    if part is None:
        return RunFailed(message)
    return PluginError(f"{titled(part.namespace)}: {part.kind} {part.tag()}: {message}")


def _plugin_of(model: Model, text: str) -> Any:
    """The plugin's part that owns a tensor that a text names; None if there is none."""
    for name, module in reversed([*model.network.named_modules()]):
        part = getattr(module, BUILT_BY, None)
        if name and f"{name}." in text and getattr(part, "namespace", ""):
            return part
    return None


def _pictures(model: Model, scores: Scores | None) -> Iterator[tuple[str, Image.Image]]:
    span = model.spec.target_range
    columns = None if len(model.spec.input.shape) > 2 else PLOTS
    examples = scores.examples if scores else None
    if examples is not None:
        spoilt = None if examples.corrupted is None else examples.corrupted[:columns]
        shown, again = examples.originals[:columns], examples.reconstructions[:columns]
        spoilt = None if spoilt is None else drawable(model, spoilt)
        pair = drawable(model, shown), drawable(model, again)
        yield "reconstructions", pictures.comparison(*pair, corrupted=spoilt, range=span)
    fields = _drawn_fields(model.spec)
    drawn_from = model.network.prior if model.spec.decodes and fields is not None else None
    if drawn_from is not None and bool(getattr(drawn_from, "fitted", True)):
        yield "samples", pictures.grid(drawable(model, model.sample(DRAWN, fields=fields)), range=span)
    if examples is not None and len(examples.originals) >= 2:
        pairs, steps = min(PAIRS, len(examples.originals) // 2), columns or STEPS
        starts, ends = (examples.inputs.take(np.arange(first, first + pairs)) for first in (0, pairs))
        walk = np.asarray(model.interpolate(starts, ends, steps))
        drawn = drawable(model, walk.reshape(-1, *walk.shape[2:]))
        yield "interpolations", pictures.grid(drawn, range=span, columns=steps)


def _drawn_fields(spec: Spec) -> dict[str, Any] | None:
    """Fields for a picture of samples: each class in turn; None where decoding reads numbers, which nothing gives."""
    classes = {name: spec.fields[name].classes for name in spec.code_fields}
    return {name: np.arange(DRAWN) % k for name, k in classes.items() if k} if all(classes.values()) else None
