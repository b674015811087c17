"""The picture that is renewed while a run works."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aezoo
from aezoo.errors import UsageError
from aezoo.storage import pictures
from aezoo.training import preview
from tests.training.test_validation_steps import spec


def weights(run: Any) -> dict[str, Any]:
    return dict(run.model.network.state_dict())


def test_it_is_renewed_at_each_validation_and_changes_no_digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []
    write = preview.atomic_write
    monkeypatch.setattr(preview, "atomic_write", lambda path, data: (drawn.append(data), write(path, data)))
    document = spec(validate_every=2)
    plain, run = aezoo.train(document), aezoo.train(document, out=tmp_path / "out", preview=True)
    assert len(drawn) == 6
    assert len({*drawn}) == 6
    assert (tmp_path / "out" / preview.PREVIEW).read_bytes() == drawn[-1]
    assert all(weights(plain)[name].equal(value) for name, value in weights(run).items())
    assert plain.history == run.history


def test_it_shows_held_out_samples_above_what_the_judged_weights_make_of_them(tmp_path: Path) -> None:
    document = spec(ema=0.9, best_by="last")
    run = aezoo.train(document, out=tmp_path / "out", preview=True)
    samples = np.asarray(Image.open(tmp_path / "out" / preview.PREVIEW))
    held_out = run_samples(document)
    expected = pictures.comparison(held_out, run.model.reconstruct(held_out))
    buffer = BytesIO()
    expected.save(buffer, "PNG")
    assert np.array_equal(samples, np.asarray(Image.open(buffer)))


def run_samples(document: dict[str, Any]) -> np.ndarray:
    from aezoo.training.setup import set_up

    return set_up(aezoo.read(document)).batches["validation"].head(preview.PLOTS).x.numpy()


def test_a_disk_that_is_full_ends_no_run_and_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(preview, "atomic_write", full)
    with pytest.warns(UserWarning, match="no preview could be drawn: no space left") as caught:
        aezoo.train(spec(), out=tmp_path / "out", preview=True)
    assert len([each for each in caught if "no preview" in str(each.message)]) == 1


def test_what_has_no_folder_or_no_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it takes a folder"):
        aezoo.train(spec(), preview=True)
