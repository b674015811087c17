"""Bundle: a model and its folder, the same on a disk and on the Hub.

    config.json           the resolved spec, its format version and fingerprints, the sha256 of the weights
    model.safetensors     the weights; the header holds config.json again, so this file alone rebuilds the model
    metrics.json          scores beside those of baselines
    training.json         the run: device, seed, versions, time, history
    training.safetensors  what only training needs, where there is any: the weights of a critic
    README.md             the model card
    samples/*.png         originals against reconstructions, samples from the prior, interpolations

A folder is a model once config.json is there: it is removed first and written last.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aezoo import manifest, sidecar, weights
from aezoo.blame import attributed
from aezoo.builder import assemble, skeleton
from aezoo.card import card
from aezoo.errors import Refused, RunFailed
from aezoo.files import atomic_write, sync
from aezoo.model import Model
from aezoo.report import pictures
from aezoo.spec.limits import DEFAULT_LIMITS, Limits
from aezoo.spec.text import to_json
from aezoo.training import device as devices
from aezoo.zoo import layout, lock
from aezoo.zoo.examination import examine_weights
from aezoo.zoo.pulling import locate

if TYPE_CHECKING:
    from PIL import Image

    from aezoo.evaluation.scores import Scores
    from aezoo.training.run import Run

OWNED = (manifest.NAME, weights.NAME, sidecar.NAME, layout.METRICS, layout.TRAINING, layout.CARD, lock.NAME)
STAGING = ".staging-"
#: Samples of the prior in a picture, steps and pairs of an interpolation; columns of plots, wider than images.
DRAWN, STEPS, PAIRS, PLOTS = 25, 10, 3, 6


# --- save ------------------------------------------------------------------------------------------------


@attributed()
def save(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    scores: Scores | None = None,
    run: Run | None = None,
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
        Refused: The folder is not empty.
        RunFailed: It cannot be written to.
    """
    folder = Path(folder)
    _claim(folder, force=force)
    stage = folder / f"{STAGING}{secrets.token_hex(4)}"
    try:
        stage.mkdir()
        _write(model, stage, scores, run)
        _commit(stage, folder)
    except OSError as error:
        raise RunFailed(f"{folder} cannot be written to: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return folder


def _claim(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file, not a folder", hint="name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFailed(f"{folder} cannot be made: {error.strerror or error}") from error
    # What a crash left of an earlier attempt is in nobody's way.
    for left in folder.glob(f"{STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    if not force and any(folder.iterdir()):
        raise Refused(f"{folder} exists and is not empty", hint="name another, or force it")


def _write(model: Model, stage: Path, scores: Scores | None, run: Run | None) -> None:
    spec = model.spec
    record: dict[str, Any] = run.record if run else {}
    text = to_json(manifest.manifest(spec), indent=None)
    weights.write_weights(stage / weights.NAME, model.network.state_dict(), text)
    metrics = scores.as_dict() if scores else None
    if metrics:
        atomic_write(stage / layout.METRICS, _json(metrics))
    if run:
        sidecar.write(stage, spec, run.beside)
        atomic_write(stage / layout.TRAINING, _json({**record, "history": run.history}))
    (stage / "samples").mkdir()
    drawn = []
    for name, picture in _pictures(model, scores):
        buffer = BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        atomic_write(stage / "samples" / f"{name}.png", buffer.getvalue())
        drawn.append(name)
    atomic_write(stage / layout.CARD, card(spec, metrics, record, pictures=drawn))
    atomic_write(stage / manifest.NAME, _json(manifest.config(spec, stage / weights.NAME)))


def _json(document: dict[str, Any]) -> str:
    return to_json(document) + "\n"


def _commit(stage: Path, folder: Path) -> None:
    """Move what was staged into place; without config.json, what is there meanwhile is no model."""
    for name in OWNED:
        (folder / name).unlink(missing_ok=True)
    sync(folder)
    (folder / "samples").mkdir(exist_ok=True)
    for old in (folder / "samples").glob("*.png"):
        old.unlink()
    for new in (stage / "samples").iterdir():
        os.replace(new, folder / "samples" / new.name)
    sync(folder / "samples")
    for name in reversed(OWNED):
        if (stage / name).exists():
            os.replace(stage / name, folder / name)
    if not any((folder / "samples").iterdir()):
        (folder / "samples").rmdir()
    sync(folder)


def _pictures(model: Model, scores: Scores | None) -> Iterator[tuple[str, Image.Image]]:
    span = model.spec.input.range
    columns = None if len(model.spec.input.shape) > 2 else PLOTS
    examples = scores.examples if scores else None
    if examples is not None:
        spoilt = None if examples.corrupted is None else examples.corrupted[:columns]
        shown, again = examples.originals[:columns], examples.reconstructions[:columns]
        yield "reconstructions", pictures.comparison(shown, again, corrupted=spoilt, range=span)
    if model.network.prior is not None and bool(getattr(model.network.prior, "fitted", True)):
        yield "samples", pictures.grid(model.sample(DRAWN), range=span)
    if examples is not None and len(examples.originals) >= 2:
        pairs, steps = min(PAIRS, len(examples.originals) // 2), columns or STEPS
        starts, ends = examples.originals[:pairs], examples.originals[pairs : 2 * pairs]
        walk = np.asarray(model.interpolate(starts, ends, steps))
        yield "interpolations", pictures.grid(walk.reshape(-1, *walk.shape[2:]), range=span, columns=steps)


# --- load ------------------------------------------------------------------------------------------------


@attributed()
def load(source: str | os.PathLike[str], *, device: str = "auto", limits: Limits = DEFAULT_LIMITS) -> Model:
    """The model of a folder; of a weight file alone, whose header holds its spec; of the zoo; or of the Hub.

    Names, types and shapes are compared with the spec before any weight is read, and a folder that was pulled is held
    to the hash of each of its files.

    Args:
        source: What `save` or `train` wrote; `vae-mnist`, a model of the embedded zoo; `owner/name@revision`, which is
            pulled unless it is here.
        device: `auto`, `cpu`, `cuda:1` ...
        limits: How large the model may be; checked before memory is touched.

    Raises:
        NotFound: There is no model.
        HubError: It is not here, and the Hub does not give it.
        Refused: It is damaged, or spec and weights do not belong together.
        SpecError, PluginError: Its spec cannot be read here.
    """
    place = locate(source, limits=limits)
    alone = place.is_file()
    path = place if alone else place / weights.NAME
    if not alone:
        lock.verify(place)
    spec = None if alone else manifest.read_manifest(place, limits=limits)
    digest = None if alone else manifest.digest_noted(place)
    header, spec = examine_weights(path, spec, limits=limits)
    weights.compare(path, header, skeleton(spec).state_dict())
    # Assembled anew, not on the meta device: buffers that are not saved have to hold what they hold.
    with torch.random.fork_rng(devices=[]):
        network = assemble(spec)
    network.load_state_dict(weights.read_weights(path, digest=digest))
    return Model(spec, network.eval()).to(devices.choose(device).device)
