"""What of a model's folder is refused before PyTorch is imported: facts, pictures, weights of another spec."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo
from aezoo.errors import NotFound, Refused, SpecError
from aezoo.registry.registry import Registry
from aezoo.spec.limits import DEFAULT_LIMITS
from aezoo.storage import config_json as manifest
from aezoo.storage import layout, verification, weights
from aezoo.storage.config_json import Config
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.verification import Verified

SPEC = {"name": "tiny", "input": [6], "latent": {"type": "deterministic", "dim": 2}}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aezoo.save(aezoo.build(SPEC), tmp_path_factory.mktemp("saved") / "m")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of a model's folder, to be damaged."""
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def examined(folder: Path, **settings: Any) -> Verified:
    return verification.examine(ModelFiles(folder), **settings)


def verified(folder: Path, config: Config | None = None, **settings: Any) -> Verified:
    """The weights of a folder, held to a config.json: by default to that beside them."""
    files = ModelFiles(folder)
    return verification.verify_weights(files, config or manifest.read_config(files), **settings)


def test_a_folder_that_is_whole_gives_its_spec(folder: Path) -> None:
    (folder / "metrics.json").write_text("{}")
    (folder / "samples").mkdir()
    (folder / "samples/samples.png").write_bytes(b"\x89PNG\r\n\x1a\nand so on")
    assert examined(folder).spec.name == "tiny"


@pytest.mark.parametrize("name", ["metrics.json", "training.json"])
def test_facts_that_are_no_object_of_json_are_refused(folder: Path, name: str) -> None:
    assert verification.read_facts(folder, name) is None
    (folder / name).write_text('{"a": 1.5}')
    assert verification.read_facts(folder, name) == {"a": 1.5}
    for text in ("[]", "{", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, '{"a": "\\ud800"}'):
        (folder / name).write_text(text)
        with pytest.raises(Refused, match=rf"{name} is damaged: it "):
            examined(folder)


def test_facts_of_more_than_a_million_values_are_refused_before_they_are_read(folder: Path) -> None:
    def facts(commas: int) -> str:
        return '{"a": [' + "0," * (commas - 1) + "0]}"  # with a bracket and a brace of its own

    (folder / "training.json").write_text(facts(1_000_000 - 1))
    assert len((verification.read_facts(folder, "training.json") or {})["a"]) == 1_000_000 - 1
    (folder / "training.json").write_text(facts(1_000_000))
    with pytest.raises(Refused, match="it holds more than 1,000,000 values"):
        verification.read_facts(folder, "training.json")


def test_facts_and_pictures_that_are_too_large_are_refused(folder: Path) -> None:
    (folder / "samples").mkdir()
    for name in ("metrics.json", "samples/samples.png"):
        with (folder / name).open("wb") as file:
            file.truncate(layout.MOST[name] + 1)
        with pytest.raises(Refused, match=f"{name} has .* at most"):
            examined(folder)
        (folder / name).unlink()


@pytest.mark.parametrize("data", [b"", b"GIF89a..", b"\x89PNG\r\n\x1a", b"\x89PNX\r\n\x1a\n"])
def test_a_picture_that_is_no_png_is_refused(folder: Path, data: bytes) -> None:
    (folder / "samples").mkdir()
    (folder / "samples/samples.png").write_bytes(data)
    with pytest.raises(Refused, match=r"samples\.png is damaged: it is no PNG picture"):
        examined(folder)


def rewritten(path: Path, **tensors: np.ndarray) -> None:
    """Write a weight file with these tensors and the header's spec that it had."""
    table, data = {"__metadata__": weights.read_header(path).metadata}, b""
    for name, values in tensors.items():
        end = len(data) + values.nbytes
        table[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), end]}  # type: ignore[dict-item]
        data += values.tobytes()
    header = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def unnoted(folder: Path) -> None:
    """Take the hash of the weights out of config.json."""
    config = json.loads((folder / "config.json").read_text())
    config.pop("weights")
    (folder / "config.json").write_text(json.dumps(config))


def test_weights_of_fewer_values_than_the_spec_has_parameters_are_refused(folder: Path) -> None:
    unnoted(folder)
    parameters = manifest.read_manifest(folder).parameters
    path = folder / "model.safetensors"
    rewritten(path, a=np.zeros(parameters - 1, np.float32), b=np.zeros(1, np.float32))
    assert examined(folder).spec.parameters == parameters  # as many in all
    rewritten(path, a=np.zeros(parameters - 1, np.float32))
    with pytest.raises(Refused, match=rf"it holds {parameters - 1:,} values, its spec has {parameters:,} parameters"):
        examined(folder)


def test_weights_larger_than_such_a_model_can_be_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / "model.safetensors").stat().st_size
    beside = size - 16 * manifest.read_manifest(folder).parameters
    monkeypatch.setattr(layout, "BESIDE", beside)
    verified(folder)
    monkeypatch.setattr(layout, "BESIDE", beside - 1)
    with pytest.raises(Refused, match=r"model\.safetensors is refused: a model of"):
        verified(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_the_name_of_the_first_tensor(folder: Path, value: float) -> None:
    unnoted(folder)
    parameters = manifest.read_manifest(folder).parameters
    odd = np.float32([1, value])
    rewritten(folder / "model.safetensors", fine=np.zeros(parameters, np.float32), first=odd, second=odd)
    with pytest.raises(Refused, match="first holds NaN or infinity"):
        examined(folder)


def test_the_hash_of_weights_is_a_sha256_or_was_never_noted(tmp_path: Path) -> None:
    digest = "0af" + "9" * 61
    verification._refuse_digest(tmp_path, {}, digest)
    verification._refuse_digest(tmp_path, {"weights": {"sha256": digest}}, digest)
    for wrong in (3, {}, {"sha256": 5}, {"sha256": "a" * 63}, {"sha256": "a" * 65}, {"sha256": "g" * 64}):
        with pytest.raises(Refused, match=r"config\.json: 'weights\.sha256' is no sha256"):
            verification._refuse_digest(tmp_path, {"weights": wrong}, digest)
    with pytest.raises(Refused, match=r"model\.safetensors is not the file .*: its sha256 is another"):
        verification._refuse_digest(tmp_path, {"weights": {"sha256": "a" * 64}}, digest)


def test_weights_alone_have_the_spec_of_their_header(folder: Path) -> None:
    alone = verification.verify_alone(folder / "model.safetensors")
    assert alone.spec == manifest.read_manifest(folder)
    assert sum(entry.size for entry in alone.header.tensors.values()) == alone.spec.parameters


def test_weights_without_a_spec_belong_to_the_one_beside_them_or_to_none(folder: Path) -> None:
    unnoted(folder)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    table.pop("__metadata__")
    header = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + length :])
    config = manifest.read_config(ModelFiles(folder))
    assert verified(folder, config).spec is config.spec
    with pytest.raises(NotFound, match="holds no spec"):
        verification.verify_alone(path)


def test_weights_of_another_spec_are_refused_by_both_fingerprints(folder: Path) -> None:
    other = aezoo.read({**SPEC, "latent": {"type": "deterministic", "dim": 3}})
    own = manifest.read_manifest(folder)
    with pytest.raises(Refused, match=f"was written for another spec .*: {own.arch[:12]}, not {other.arch[:12]}$"):
        verified(folder, Config(manifest.manifest(other), other))


def test_the_spec_in_a_header_is_held_to_the_limits_and_looked_up_in_the_registry_that_is_given(folder: Path) -> None:
    narrow = DEFAULT_LIMITS._replace(parameters=3)
    with pytest.raises(SpecError, match=r"model\.safetensors.*parameters"):
        verification.verify_alone(folder / "model.safetensors", limits=narrow)
    config = manifest.read_config(ModelFiles(folder))
    # Of the same model, but not the text of the header, which is therefore read.
    config = config._replace(document={**config.document, "requires": ["aezoo"]})
    with pytest.raises(SpecError, match=r"model\.safetensors.*parameters"):
        verified(folder, config, limits=narrow)
    with pytest.raises(SpecError, match=r"model\.safetensors.*deterministic"):
        verified(folder, config, registry=Registry())


def test_a_folder_is_held_to_the_limits_as_soon_as_its_config_is_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(SpecError, match=r"config\.json.*parameters"):
        examined(folder, limits=DEFAULT_LIMITS._replace(parameters=3))


def test_the_header_of_weights_is_held_to_the_limits_of_its_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    large = aezoo.build({**SPEC, "latent": {"type": "deterministic", "dim": 5}})
    other = aezoo.save(large, tmp_path_factory.mktemp("large") / "m")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    limits = DEFAULT_LIMITS._replace(parameters=large.spec.parameters - 1)
    for check in (verification.examine, verification.verify):
        with pytest.raises(SpecError, match=r"model\.safetensors.*parameters"):
            check(ModelFiles(folder), limits=limits)
        with pytest.raises(Refused, match="was written for another spec"):
            check(ModelFiles(folder))
