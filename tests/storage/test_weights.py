"""Weights: what a safetensors file says of itself is read to the byte, and what it should not hold is found."""

from __future__ import annotations

import json
from hashlib import sha256
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import aezoo
from aezoo.errors import NotFound, Refused
from aezoo.storage import model_files, training_tensors, weights
from aezoo.storage.model_files import ModelFiles
from aezoo.storage.weights import (
    Entry,
    compare,
    header_of,
    not_finite,
    opened,
    read_header,
    read_weights,
    shown,
    tensors_of,
    write_weights,
)

TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
FLOATS = ["F64", "F32", "F16", "BF16"]


def written(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    """A file with this header, given as it stands in the file or as what it says."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(raw) if length is None else length).to_bytes(8, "little") + raw + data)
    return path


def entry(start: int, end: int, shape: list[Any] | None = None, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


# --- the header --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_the_header_says_type_shape_and_place(tmp_path: Path, name: str) -> None:
    tensors = {"b": torch.ones(3, 2).to(TYPES[name]), "a": torch.zeros(()).to(TYPES[name])}
    save_file(tensors, tmp_path / "w", metadata={"k": "v"})
    header = read_header(tmp_path / "w")
    assert header.tensors == {"a": Entry(name, ()), "b": Entry(name, (3, 2))}
    assert header.metadata == {"k": "v"}
    assert header.start + 7 * tensors["a"].element_size() == (tmp_path / "w").stat().st_size
    assert str(header.tensors["b"]) == f"{name} [3, 2]"
    assert header.tensors["b"].size == 6
    compare(tmp_path / "w", header, tensors)


def test_tensors_are_listed_as_they_lie_and_not_as_they_are_named(tmp_path: Path) -> None:
    header = {"a": entry(8, 12), "b": entry(0, 8)}
    assert list(read_header(written(tmp_path / "w", header, bytes(12))).tensors) == ["b", "a"]


@pytest.mark.parametrize(
    ("header", "size", "message"),
    [
        ({"a": entry(0, 8)}, 12, "it holds 12 bytes of tensors, its header speaks of 8"),
        ({"a": entry(0, 8)}, 4, "it holds 4 bytes of tensors, its header speaks of 8"),
        ({"a": entry(4, 8)}, 8, "overlap or leave gaps"),
        ({"a": entry(0, 8), "b": entry(4, 12)}, 12, "overlap or leave gaps"),
        ({"a": entry(0, 8), "b": entry(12, 16)}, 16, "overlap or leave gaps"),
        ({"a": entry(0, 8, [3])}, 8, "its entry 'a' is not what safetensors writes"),
        ({"a": entry(0, 8, [1, 2, 1])}, 8, None),
        ({"a": entry(0, 4, [1] * 16)}, 4, None),
        ({"a": entry(0, 4, [1] * 17)}, 4, "its entry 'a'"),
        ({"a": entry(0, 8, [2.0])}, 8, "its entry 'a'"),
        ({"a": entry(0, 4, [True])}, 4, "its entry 'a'"),
        ({"a": entry(0, 8, [-1, -2])}, 8, "its entry 'a'"),
        ({"a": entry(-4, 4)}, 4, "its entry 'a'"),
        ({"a": entry(0, 0, [0, 1 << 62])}, 0, "its entry 'a'"),
        ({"a": entry(0, 0, [0, (1 << 62) - 1])}, 0, None),
        ({"a": entry(0, 8, "F32")}, 8, "its entry 'a'"),  # type: ignore[arg-type]
        ({"a": entry(0, 8, dtype="F31")}, 8, "its entry 'a'"),
        ({"a": {**entry(0, 8), "more": 1}}, 8, "its entry 'a'"),
        ({"a": {"dtype": "F32", "shape": [2]}}, 8, "its entry 'a'"),
        ({"a": {**entry(0, 8), "data_offsets": [0, 4, 8]}}, 8, "its entry 'a'"),
        ({"a": 5}, 0, "its entry 'a'"),
        ([1, 2], 0, "no table of at most 20000 tensors"),
        ({"__metadata__": {"k": 1}}, 0, "its metadata are no texts"),
        ({"__metadata__": ["k"]}, 0, "its metadata are no texts"),
        ({"__metadata__": {str(n): "" for n in range(16)}}, 0, None),
        ({"__metadata__": {str(n): "" for n in range(17)}}, 0, "its metadata have more than 16 entries"),
        (b'{"a": 1, "a": 2}', 0, "its header is no JSON: a name stands twice"),
        (b"{", 0, "its header is no JSON"),
        (b"\xff\xfe", 0, "its header is no JSON"),
    ],
)
def test_a_header_is_taken_or_refused(tmp_path: Path, header: Any, size: int, message: str | None) -> None:
    path = written(tmp_path / "w", header, bytes(size))
    if message is None:
        read_header(path)
        return
    with pytest.raises(Refused) as caught:
        read_header(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path} is refused: ")


def test_a_header_may_hold_so_many_tensors_and_bytes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "MAX_TENSORS", 2)
    two = {"a": entry(0, 4), "b": entry(4, 8)}
    assert len(read_header(written(tmp_path / "w", two, bytes(8))).tensors) == 2
    with pytest.raises(Refused, match="at most 2 tensors"):
        read_header(written(tmp_path / "w", {**two, "c": entry(8, 12)}, bytes(12)))
    monkeypatch.setattr(weights, "MAX_HEADER", 30)
    read_header(written(tmp_path / "w", b"{}" + b" " * 28))
    with pytest.raises(Refused, match="its header has 31 bytes, 30 at most are read"):
        read_header(written(tmp_path / "w", b"{}" + b" " * 29))


@pytest.mark.parametrize(("data", "cut"), [(b"", True), (bytes(7), True), (bytes(8), False)])
def test_a_file_without_a_whole_length_is_cut_short(tmp_path: Path, data: bytes, cut: bool) -> None:
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(Refused, match="cut short" if cut else "no JSON"):
        read_header(tmp_path / "w")


@pytest.mark.parametrize(("length", "message"), [(2, None), (3, "cut short")])
def test_a_header_ends_within_the_file(tmp_path: Path, length: int, message: str | None) -> None:
    path = written(tmp_path / "w", b"{}", length=length)
    if message is None:
        assert read_header(path) == ({}, {}, 10)
    else:
        with pytest.raises(Refused, match=message):
            read_header(path)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        read_header(tmp_path / "w")
    with pytest.raises(NotFound):
        read_header(tmp_path)


# --- what is expected ------------------------------------------------------------------------------------


def test_differences_are_listed_by_kind_three_of_each(tmp_path: Path) -> None:
    save_file({name: torch.zeros(2) for name in "abcdefgh"}, tmp_path / "w")
    header = read_header(tmp_path / "w")
    same = {name: torch.zeros(2) for name in "abcdefgh"}
    compare(tmp_path / "w", header, same)
    wanted = {name: value for name, value in same.items() if name not in "abcd"} | {
        "e": torch.zeros(2, 1),
        "f": torch.zeros(2).double(),
        "x": torch.zeros(1),
    }
    with pytest.raises(Refused) as caught:
        compare(tmp_path / "w", header, wanted)
    assert str(caught.value) == (
        f"{tmp_path / 'w'} does not fit its spec: missing: x; unexpected: a, b, c and 1 more; "
        "different: e is F32 [2], not F32 [2, 1], f is F32 [2], not F64 [2]"
    )
    with pytest.raises(Refused, match=r"unexpected: a, b, c$"):
        compare(tmp_path / "w", header, {name: same[name] for name in "defgh"})


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.b", "a.b"), ("a" * 160, "a" * 160), ("a" * 161, repr("a" * 160)), ("a\x1b[2J", r"'a\x1b[2J'")],
)
def test_a_name_is_printed_so_that_it_moves_no_cursor(name: str, text: str) -> None:
    assert shown(name) == text


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", FLOATS)
def test_what_is_not_finite_is_found_in_every_type_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setattr(weights, "PIECE", 16)
    for at in (0, 5, 20):
        bad = torch.full((21,), torch.finfo(TYPES[name]).max, dtype=TYPES[name])
        bad[at] = value
        good = torch.tensor([0, -1, torch.finfo(TYPES[name]).max, torch.finfo(TYPES[name]).tiny], dtype=TYPES[name])
        save_file({"a": good, "b": bad, "c": good.clone()}, tmp_path / "w")
        assert not_finite((tmp_path / "w").read_bytes(), read_header(tmp_path / "w")) == ["b"]


def test_whole_numbers_of_any_bits_are_finite(tmp_path: Path) -> None:
    tensors = {name: torch.full((9,), -1).to(kind) for name, kind in TYPES.items() if name not in FLOATS}
    save_file(tensors, tmp_path / "w")
    assert not_finite((tmp_path / "w").read_bytes(), read_header(tmp_path / "w")) == []


# --- writing and reading -----------------------------------------------------------------------------------


def test_what_is_written_is_read_and_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    tensors = {"t": base.t(), "shared": base, "again": base, "grown": torch.ones(2, requires_grad=True)}
    write_weights(tmp_path / "w", tensors, "text")
    back = read_weights(tmp_path / "w")
    assert {name: value.tolist() for name, value in back.items()} == {
        name: value.tolist() for name, value in tensors.items()
    }
    with safe_open(tmp_path / "w", "pt") as file:
        assert file.metadata() == {"aezoo": "text"}
    write_weights(tmp_path / "v", dict(reversed(tensors.items())), "text")
    assert (tmp_path / "v").read_bytes() == (tmp_path / "w").read_bytes()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_read_bit_by_bit_from_memory_and_from_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, large: bool
) -> None:
    tensors = {"a": torch.tensor([[0, 1, 1]]).to(TYPES[name]), "b": torch.ones(()).to(TYPES[name])}
    tensors["c"] = torch.zeros(0, 2).to(TYPES[name])
    save_file(tensors, tmp_path / "w")
    size = (tmp_path / "w").stat().st_size
    monkeypatch.setattr(model_files, "AT_ONCE", size - 1 if large else size)
    content = opened(ModelFiles(tmp_path), "w")
    assert isinstance(content.data, mmap if large else bytes)
    back = read_weights(tmp_path / "w")
    assert back.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert back[key].dtype == tensor.dtype
        assert torch.equal(back[key], tensor)


def test_a_tensor_that_begins_between_two_values_is_read(tmp_path: Path) -> None:
    header = {"a": entry(0, 1, [1], "U8"), "b": entry(1, 9)}
    path = written(tmp_path / "w", header, b"\x07" + np.array([1.5, -2], "<f4").tobytes())
    tensors = read_weights(path)
    assert (tensors["a"].tolist(), tensors["b"].tolist()) == ([7], [1.5, -2])


@pytest.mark.parametrize("large", [False, True])
def test_a_file_that_is_replaced_after_it_was_opened_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(model_files, "AT_ONCE", 0 if large else 1 << 30)
    write_weights(tmp_path / "w", {"a": torch.ones(3)}, "text")
    digest = sha256((tmp_path / "w").read_bytes()).hexdigest()
    content = opened(ModelFiles(tmp_path), "w")
    write_weights(tmp_path / "w", {"a": torch.zeros(3)}, "text")
    tensors = tensors_of(content.data, header_of(tmp_path / "w", content.data))
    assert (content.sha256, tensors["a"].tolist()) == (digest, [1, 1, 1])
    tensors["a"].add_(1)
    assert read_weights(tmp_path / "w")["a"].tolist() == [0, 0, 0]


# --- what only training needs ------------------------------------------------------------------------------


def remembering() -> dict[str, Any]:
    """A spec whose penalty remembers past batches."""
    return {
        "name": "rates",
        "input": {"shape": [4], "normalize": "none"},
        "latent": {"type": "deterministic", "dim": 3, "activation": "sigmoid"},
        "likelihood": "mse",
        "regularizers": {"rates": {"type": "kl_sparsity", "momentum": 0.5}},
        "training": {"steps": 3, "batch_size": 8, "best_by": "last"},
    }


VALUES = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)


def test_the_state_of_penalties_is_kept_beside_the_model_and_restored(tmp_path: Path) -> None:
    run = aezoo.train(remembering(), VALUES, out=tmp_path / "run")
    path = tmp_path / "run" / training_tensors.NAME
    assert training_tensors.NAME == "training.safetensors"
    assert set(read_header(path).tensors) == set(run.auxiliary_state)
    assert read_header(path).tensors.keys() == {"regularizers.0.running", "regularizers.0.seen"}
    assert json.loads(read_header(path).metadata["aezoo"])["spec"]["name"] == "rates"
    assert "\n" not in read_header(path).metadata["aezoo"]
    objective = training_tensors.restore(aezoo.load(tmp_path / "run"), tmp_path / "run")
    for name, value in run.auxiliary_state.items():
        assert objective.auxiliary_state[name].equal(value)
    assert run.auxiliary_state["regularizers.0.seen"].item() == 1 - 0.5**3
    for name, value in run.model.network.state_dict().items():
        assert objective.model.state_dict()[name].equal(value)


def test_a_state_that_is_missing_or_of_another_objective_is_refused(tmp_path: Path) -> None:
    aezoo.train(remembering(), VALUES, out=tmp_path / "run")
    model = aezoo.load(tmp_path / "run")
    save_file({"regularizers.0.running": torch.zeros(3)}, tmp_path / "run" / training_tensors.NAME)
    with pytest.raises(Refused, match=r"missing: regularizers\.0\.seen"):
        training_tensors.restore(model, tmp_path / "run")
    (tmp_path / "run" / training_tensors.NAME).unlink()
    with pytest.raises(NotFound, match=r"training\.safetensors"):
        training_tensors.restore(model, tmp_path / "run")


def test_an_objective_without_state_has_no_file_and_needs_none(tmp_path: Path) -> None:
    plain = remembering() | {"regularizers": {}}
    aezoo.train(plain, VALUES, out=tmp_path / "run")
    assert not (tmp_path / "run" / training_tensors.NAME).exists()
    assert not training_tensors.restore(aezoo.load(tmp_path / "run"), tmp_path / "run").auxiliary_state


def test_the_bytes_in_memory_are_those_of_the_file_and_give_its_tensors(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    tensors = {"b": shared.reshape(2, 3), "a": shared, "c": torch.tensor(7)}
    weights.write_weights(tmp_path / weights.NAME, tensors, "text")
    data = weights.weights_in_bytes(tensors, "text")
    assert data == (tmp_path / weights.NAME).read_bytes()
    assert {name: value.tolist() for name, value in weights.weights_from_bytes(data).items()} == {
        name: value.tolist() for name, value in tensors.items()
    }
    with pytest.raises(Refused):
        weights.weights_from_bytes(data[:-1])
