"""A model's folder: what is written is what is read, and nothing damaged or mixed is let in."""

from __future__ import annotations

import json
import os
import struct
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import aezoo
from aezoo.cli import spec_source
from aezoo.errors import NotFound, PluginError, Refused, RunFailed, SpecError
from aezoo.files import digest_of
from aezoo.model import Model
from aezoo.registry.attribution import BUILT_BY
from aezoo.spec.limits import DEFAULT_LIMITS
from aezoo.storage import saving, verification
from aezoo.storage import writer as folders
from aezoo.storage.weights import MAX_HEADER, read_header, write_weights
from aezoo.training.results import Run
from aezoo.zoo import pushing
from tests.storage.test_writer import killed

IMAGES = (1, 8, 8)
GAUSSIAN = {
    "latent": {"type": "gaussian", "dim": 3},
    "likelihood": {"type": "gaussian", "variance": "optimal"},
    "regularizers": {"kl": {}},
}


def model(seed: int = 0, **changes: Any) -> Model:
    spec = {
        "name": "tiny",
        "license": "apache-2.0",
        "description": "A tiny one",
        "input": [1, 8, 8],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 16, "norm": "batch"}],
        "latent": {"type": "deterministic", "dim": 3},
        "likelihood": "mse",
    }
    return aezoo.build({**spec, **changes}, seed=seed)


def images(n: int = 60) -> np.ndarray:
    return np.random.default_rng(0).random((n, *IMAGES), dtype=np.float32)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rewrite(path: Path, change: dict[str, Any] | None = None, *, data: bytes = b"", header: bytes = b"") -> None:
    """Write a safetensors file anew, with entries of its header changed."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    table = json.loads(raw[8 : 8 + length])
    for key, value in (change or {}).items():
        table.pop(key) if value is None else table.update({key: value})
    packed = header or json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + raw[8 + length :] + data)


def note_digest(path: Path) -> None:
    """Let config.json say that these are its weights."""
    config, document = config_of(path)
    document["weights"]["sha256"] = digest_of(path)
    config.write_text(json.dumps(document))


# --- there and back --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        GAUSSIAN,
        {"latent": {"type": "deterministic", "dim": 3, "prior": "fitted_gaussian"}},
        {"input": {"shape": [1, 8, 8], "normalize": "standardize"}},
        {"training": {"precision": "float64"}},
        {"encoder": [{"type": "flatten"}, {"type": "linear", "features": 16}], "decoder": {"tied": True}},
        {"encoder": [{"type": "conv", "channels": 4, "stride": 2}]},
    ],
    ids=["plain", "variational", "prior", "standardize", "float64", "tied", "conv"],
)
def test_what_is_saved_is_loaded_bit_by_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    kept = model(**changes)
    if kept.network.prior is not None:
        kept.network.prior.fit(torch.randn(20, 3, dtype=kept.dtype))
    again = aezoo.load(aezoo.save(kept, tmp_path / "m"), device="cpu")
    assert again.spec == kept.spec
    state, other = kept.network.state_dict(), again.network.state_dict()
    assert state.keys() == other.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, other[name]), name
        assert tensor.dtype == other[name].dtype
    np.testing.assert_array_equal(kept.reconstruct(images(4)), again.reconstruct(images(4)))
    assert not again.network.training
    if kept.network.prior is not None:
        np.testing.assert_array_equal(kept.sample(3), again.sample(3))


def test_a_folder_holds_what_the_layout_says(tmp_path: Path) -> None:
    kept = model(**GAUSSIAN)
    scores = aezoo.evaluate(kept, images())
    run = Run(
        kept, {"seed": 0, "device": "cpu", "steps": 5, "seconds": 1.0, "ended": "finished"}, scores, [{"step": 5}]
    )
    aezoo.save(kept, tmp_path / "m", scores=scores, run=run)
    assert names(tmp_path / "m") == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
        "samples/interpolations.png",
        "samples/reconstructions.png",
        "samples/samples.png",
        "training.json",
    ]
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert set(config) == {"aezoo", "spec", "requires", "fingerprints", "weights"}
    assert config["fingerprints"] == {"arch": kept.spec.arch, "run": kept.spec.run}
    assert json.loads((tmp_path / "m" / "metrics.json").read_text()) == scores.as_dict()
    assert json.loads((tmp_path / "m" / "training.json").read_text()) == {**run.record, "history": [{"step": 5}]}
    for picture in (tmp_path / "m" / "samples").iterdir():
        with Image.open(picture) as opened:
            opened.verify()
    assert not (tmp_path / "m" / "model.safetensors").stat().st_mode & 0o111


def test_without_scores_there_are_no_pictures_but_those_of_the_prior(tmp_path: Path) -> None:
    assert names(aezoo.save(model(), tmp_path / "a")) == ["README.md", "config.json", "model.safetensors"]
    assert "samples/samples.png" in names(aezoo.save(model(**GAUSSIAN), tmp_path / "b"))
    unfitted = model(latent={"type": "deterministic", "dim": 3, "prior": "fitted_gaussian"})
    assert "samples/samples.png" not in names(aezoo.save(unfitted, tmp_path / "c"))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first, other = (aezoo.save(model(**GAUSSIAN), tmp_path / name) for name in "ab")
    assert names(first) == names(other)
    for name in names(first):
        assert (first / name).read_bytes() == (other / name).read_bytes(), name


def test_the_header_has_one_key_and_the_file_alone_is_a_model(tmp_path: Path) -> None:
    kept = model(**GAUSSIAN)
    path = aezoo.save(kept, tmp_path / "m") / "model.safetensors"
    header = read_header(path)
    assert list(header.metadata) == ["aezoo"]
    assert header.tensors.keys() == kept.network.state_dict().keys()
    alone = path.rename(tmp_path / "alone.safetensors")
    np.testing.assert_array_equal(aezoo.load(alone).encode(images(2)), kept.encode(images(2)))


def test_loading_draws_nothing_from_the_global_generator(tmp_path: Path) -> None:
    folder = aezoo.save(model(), tmp_path / "m")
    before = torch.get_rng_state()
    aezoo.load(folder)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_every_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = aezoo.save(model(**GAUSSIAN), tmp_path / "m")
    finally:
        os.umask(before)
    for name in names(folder):
        assert (folder / name).stat().st_mode & 0o777 == 0o644, name


# --- folders that are there ------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(Refused, match="exists and is not empty"):
        aezoo.save(model(), tmp_path)
    assert names(tmp_path) == ["thesis.txt"]
    with pytest.raises(Refused, match="is a file, not a folder"):
        aezoo.save(model(), tmp_path / "thesis.txt", force=True)


def test_force_replaces_the_model_and_nothing_else(tmp_path: Path) -> None:
    variational = model(**GAUSSIAN)
    aezoo.save(variational, tmp_path, scores=aezoo.evaluate(variational, images()))
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    plain = model(seed=1)
    aezoo.save(plain, tmp_path, force=True)
    assert names(tmp_path) == ["README.md", "config.json", "metrics.jsonl", "model.safetensors"]
    np.testing.assert_array_equal(aezoo.load(tmp_path).encode(images(2)), plain.encode(images(2)))


def test_a_save_that_fails_while_writing_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = model()
    aezoo.save(old, tmp_path)

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "card", full)
    with pytest.raises(RunFailed, match="cannot be written to: No space left on device"):
        aezoo.save(model(seed=1), tmp_path, force=True)
    assert names(tmp_path) == ["README.md", "config.json", "model.safetensors"]
    np.testing.assert_array_equal(aezoo.load(tmp_path).encode(images(2)), old.encode(images(2)))


def test_what_a_crash_left_behind_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".staging-0000").mkdir()
    aezoo.save(model(), tmp_path)
    assert not list(tmp_path.glob(".staging*"))


# --- what is refused -------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere: no such folder"):
        aezoo.load(tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"holds no config\.json"):
        aezoo.load(tmp_path)
    folder = aezoo.save(model(), tmp_path / "m")
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotFound, match=r"model\.safetensors: no such file"):
        aezoo.load(folder)


def saved(tmp_path: Path) -> Path:
    return aezoo.save(model(), tmp_path / "m") / "model.safetensors"


def test_weights_that_do_not_fit_are_told_apart(tmp_path: Path) -> None:
    path = saved(tmp_path)
    header = read_header(path)
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    name = next(name for name, e in header.tensors.items() if e.shape == (3, 16))
    raw = path.read_bytes()
    old = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])[name]
    rewrite(path, {name: {**old, "shape": [16, 3]}, "stranger": entry})
    note_digest(path)
    with pytest.raises(Refused) as caught:
        aezoo.load(path.parent)
    assert "unexpected: stranger" in str(caught.value)
    assert f"{name} is F32 [16, 3], not F32 [3, 16]" in str(caught.value)
    assert "missing" not in str(caught.value)


def test_missing_weights_are_listed_but_not_all_of_them(tmp_path: Path) -> None:
    path = saved(tmp_path)
    other = model(encoder=[{"type": "flatten"}], name="other")
    path.write_bytes((aezoo.save(other, tmp_path / "o") / "model.safetensors").read_bytes())
    rewrite(path, {"__metadata__": None})
    note_digest(path)
    with pytest.raises(Refused, match=r"does not fit its spec: missing: .+ and \d+ more"):
        aezoo.load(path.parent)


def test_files_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    other = aezoo.save(model(latent={"type": "deterministic", "dim": 4}), tmp_path / "o")
    path.write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(Refused, match=r"written for another spec than config\.json beside it"):
        aezoo.load(path.parent)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "cut short"),
        (lambda path: path.write_bytes(b"\x00" * 7), "cut short"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "bytes of tensors"),
        (lambda path: path.write_bytes(path.read_bytes() + b"more"), "bytes of tensors"),
        (lambda path: path.write_bytes(b"\x80\x04\x95" + b"x" * 100), "cut short"),
        (
            lambda path: path.write_bytes(struct.pack("<Q", MAX_HEADER + 1) + b" " * (MAX_HEADER + 1)),
            "at most are read",
        ),
        (lambda path: rewrite(path, header=b"{not json"), "no JSON"),
        (lambda path: rewrite(path, header=b"[" * 100_000), "no JSON"),
        (lambda path: rewrite(path, header=b'{"a": 1, "a": 2}'), "a name stands twice"),
        (lambda path: rewrite(path, header=b"[]"), "no table"),
        (lambda path: rewrite(path, {"__metadata__": {"aezoo": 1}}), "metadata are no texts"),
        (lambda path: rewrite(path, {"x": 1}), "'x' is not what safetensors writes"),
        (lambda path: rewrite(path, {"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}), "'x' is not"),
        (lambda path: rewrite(path, {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}), "overlap"),
        (lambda path: rewrite(path, {"x": {"dtype": "O", "shape": [], "data_offsets": [0, 0]}}), "'x' is not"),
    ],
)
def test_damaged_weights_are_refused(tmp_path: Path, damage: Any, message: str) -> None:
    path = saved(tmp_path)
    damage(path)
    with pytest.raises(Refused, match=message):
        aezoo.load(path.parent)


def config_of(path: Path) -> tuple[Path, dict[str, Any]]:
    config = path.parent / "config.json"
    return config, json.loads(config.read_text())


def test_a_spec_that_was_changed_afterwards_is_refused(tmp_path: Path) -> None:
    config, document = config_of(saved(tmp_path))
    document["spec"]["latent"]["dim"] = 4
    config.write_text(json.dumps(document))
    with pytest.raises(Refused, match="not the one that was written"):
        aezoo.load(config.parent)


def test_another_format_and_another_file_are_refused(tmp_path: Path) -> None:
    config, document = config_of(saved(tmp_path))
    config.write_text(json.dumps({**document, "aezoo": 2}))
    with pytest.raises(Refused, match="format 2, this aezoo reads 1") as caught:
        aezoo.load(config.parent)
    assert caught.value.hint == "pip install -U aezoo"
    config.write_text('{"model_type": "bert"}')
    with pytest.raises(Refused, match="no manifest of a model"):
        aezoo.load(config.parent)


def test_a_spec_that_no_longer_reads_says_why(tmp_path: Path) -> None:
    config, document = config_of(saved(tmp_path))
    document["spec"]["latent"]["type"] = "stranger"
    config.write_text(json.dumps(document))
    with pytest.raises(SpecError, match=r"config\.json: .*stranger"):
        aezoo.load(config.parent)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_weights_that_are_not_finite_are_neither_kept_nor_loaded(
    tmp_path: Path, strange: float, precision: str
) -> None:
    sound = model(training={"precision": precision})
    folder = aezoo.save(sound, tmp_path / "m")
    with torch.no_grad():
        next(sound.network.parameters()).view(-1)[-1] = strange
    with pytest.raises(RunFailed, match=r"would not load again.*holds NaN or infinity"):
        aezoo.save(sound, folder, force=True)
    assert aezoo.load(folder)
    write_weights(
        folder / "model.safetensors",
        sound.network.state_dict(),
        read_header(folder / "model.safetensors").metadata["aezoo"],
    )
    with pytest.raises(Refused, match="holds NaN or infinity"):
        aezoo.load(folder)


def test_a_flipped_bit_in_the_weights_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[-4] ^= 1
    path.write_bytes(data)
    with pytest.raises(Refused, match=r"is not the file that was written with config\.json: its sha256 is another"):
        aezoo.load(path.parent)


def test_a_folder_from_before_hashes_were_noted_is_loaded(tmp_path: Path) -> None:
    config, document = config_of(saved(tmp_path))
    del document["weights"]
    config.write_text(json.dumps(document))
    assert aezoo.load(config.parent).spec.name == "tiny"


# --- what is kept ----------------------------------------------------------------------------------------


def test_a_plugin_is_blamed_for_the_tensor_of_its_part(tmp_path: Path) -> None:
    kept = model()
    layer = next(module for module in kept.network.modules() if isinstance(module, torch.nn.Linear))
    layer.register_buffer("seen", torch.zeros(3))
    setattr(layer, BUILT_BY, SimpleNamespace(namespace="strange", kind="layer", tag=lambda: "strange:wide"))
    with pytest.raises(PluginError, match=r"'strange': layer strange:wide: .* not load again.*\.seen") as caught:
        aezoo.save(kept, tmp_path / "m")
    assert caught.value.exit_code == 4
    assert names(tmp_path / "m") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_save_that_is_killed_at_any_step_leaves_a_model_that_loads(tmp_path: Path) -> None:
    old, new = model(), model(seed=1)
    expected = {codes(old): "old", codes(new): "new"}
    seen, number, over = set(), 0, False
    while not over:
        folder = aezoo.save(old, tmp_path / str(number))
        over = not killed(number, partial(aezoo.save, new, folder, force=True))
        seen.add(expected[codes(aezoo.load(folder, device="cpu"))])
        number += 4
    assert seen == {"old", "new"}


def codes(some: Model) -> bytes:
    return np.asarray(some.encode(images(2))).tobytes()


def test_a_load_while_another_model_takes_the_place_reads_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = model(), model(seed=1)
    target = aezoo.save(old, tmp_path / "m")
    verify, once = verification.verify_weights, [True]

    def overtaken(*arguments: Any, **options: Any) -> Any:
        if once:  # between config.json and the weights
            once.clear()
            aezoo.save(new, target, force=True)
        return verify(*arguments, **options)

    monkeypatch.setattr(verification, "verify_weights", overtaken)
    assert codes(aezoo.load(target, device="cpu")) == codes(new)


@pytest.mark.parametrize("reader", ["show", "evaluate", "push"])
def test_a_replacement_that_was_cut_short_is_what_every_reader_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    folder = aezoo.save(model(), tmp_path / "m")

    monkeypatch.setattr(folders, "settle", lambda folder: None)
    aezoo.save(model(name="second", seed=1), folder, force=True)
    monkeypatch.undo()
    assert (folder / ".aezoo-replacement").is_dir()
    if reader == "show":
        assert spec_source.read_spec(str(folder), limits=DEFAULT_LIMITS).name == "second"
    elif reader == "evaluate":
        assert aezoo.load(folder).spec.name == "second"
    else:
        assert "second" in pushing.plan(folder, "acme/tiny").card


def test_what_a_crash_left_of_a_writer_is_not_published_and_stops_no_push(tmp_path: Path) -> None:
    folder = aezoo.save(model(), tmp_path / "m")
    (folder / ".staging-0000").mkdir()
    (folder / ".staging-0000" / "half").write_text("x")
    (folder / ".aezoo-writer.lock").touch()
    assert pushing.plan(folder, "acme/tiny").left == []
