"""Samples that are not in memory give the batches, the moments and the weights of those that are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import aezoo
from aezoo.builtins.arrays import ArraysSpec
from aezoo.data import batches as batches_module
from aezoo.data import stores
from aezoo.data.batches import Batches
from aezoo.data.block_order import block_order
from aezoo.data.fingerprint import fingerprint
from aezoo.data.reading_ahead import read_ahead
from aezoo.data.sources import open_samples
from aezoo.errors import DataError
from aezoo.nn.data_normalizer import Normalizer
from aezoo.spec.lazy import JoinedRows, LazyArray, SelectedRows
from aezoo.spec.samples import Samples
from aezoo.training import setup


class Decoded(LazyArray):
    """Rows of an array, as if they were decoded in blocks of seven."""

    def __init__(self, values: np.ndarray, *, blocks: bool = False) -> None:
        super().__init__(values.shape, values.dtype)
        self._values, self._blocks = values, blocks

    def read(self, rows):
        return self._values[rows]

    @property
    def decodes(self) -> bool:
        return True

    @property
    def blocks(self):
        return np.arange(0, len(self), 7) if self._blocks else None


VALUES = np.random.default_rng(0).normal(size=(50, 2, 3)).astype(np.float32)


def spec(**more):
    document = {
        "name": "lazy",
        "input": {"shape": [2, 3], "kind": "signal"},
        "latent": {"type": "deterministic", "dim": 2},
    }
    training = {"batch_size": 8, "steps": 6, "precision": "float32"}
    return aezoo.read(
        {
            **document,
            "encoder": [{"type": "flatten"}, {"type": "linear", "features": 4}],
            "likelihood": "mse",
            "training": training,
            **more,
        }
    )


@pytest.mark.parametrize("key", [3, -1, slice(2, 40, 3), [4, 1, 4], np.arange(50) % 3 == 0, (slice(1, 5), 1), (2, 1)])
def test_a_lazy_array_is_indexed_as_arrays_are(key) -> None:
    shards = JoinedRows([VALUES[:20], Decoded(VALUES[20:21]), VALUES[21:]])
    assert shards.shape == VALUES.shape
    np.testing.assert_array_equal(shards[key], VALUES[np.asarray(key) if isinstance(key, list) else key])
    np.testing.assert_array_equal(SelectedRows(shards, range(49, -1, -1))[key], VALUES[::-1][key])


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("rows", [None, np.array([1, 4, 5, 6, 20, 49])])
def test_batches_are_those_of_samples_in_memory_with_any_number_of_workers(workers, rows) -> None:
    held = Batches(Samples(VALUES, "memory"), spec(), rows)
    lazy = Batches(Samples(Decoded(VALUES), "lazy"), spec(), rows, workers=workers)
    for epoch in (0, 3):
        pairs = zip(held.epoch(epoch, 4, 5, first=1), lazy.epoch(epoch, 4, 5, first=1), strict=True)
        assert all(torch.equal(a.x, b.x) for a, b in pairs)
    assert all(torch.equal(a.x, b.x) for a, b in zip(held.sequential(4), lazy.sequential(4), strict=True))
    assert torch.equal(torch.cat([part.x for part in lazy.spaced(5, 2)]), held.head(5).x)


def test_a_large_split_is_not_copied_and_gives_the_same_batches(monkeypatch) -> None:
    rows = np.array([1, 4, 5, 6, 20, 49])
    copied = list(Batches(Samples(VALUES, "memory"), spec(), rows).epoch(0, 4, 0))
    monkeypatch.setattr(batches_module, "COPIED", 0)
    batches = Batches(Samples(VALUES, "memory"), spec(), rows)
    assert batches._values.data_ptr() == VALUES.ctypes.data
    assert all(torch.equal(a.x, b.x) for a, b in zip(copied, batches.epoch(0, 4, 0), strict=True))


def test_blocks_are_shuffled_and_the_rows_of_a_window_of_them() -> None:
    starts = torch.arange(0, 1000, 10)
    order = block_order(starts, 995, 4, torch.Generator().manual_seed(1))
    assert sorted(order.tolist()) == list(range(995))
    windows = order[:40].div(10, rounding_mode="floor").unique()
    assert len(windows) == 4  # the first forty rows are those of four blocks
    assert not torch.equal(order[:40].sort().values, order[:40])
    assert torch.equal(order, block_order(starts, 995, 4, torch.Generator().manual_seed(1)))
    assert not torch.equal(order, block_order(starts, 995, 4, torch.Generator().manual_seed(2)))


def test_an_epoch_of_samples_in_blocks_holds_each_once_and_goes_on_where_it_was_stopped() -> None:
    rows = np.arange(1, 50, 2)
    batches = Batches(Samples(Decoded(VALUES, blocks=True), "blocks"), spec(), rows)
    seen = torch.cat([batch.x for batch in batches.epoch(2, 4, 0)])
    assert sorted(seen[:, 0, 0].tolist()) == sorted(VALUES[rows][:, 0, 0].tolist())
    rest = torch.cat([batch.x for batch in batches.epoch(2, 4, 0, first=3)])
    assert torch.equal(rest, seen[12:])


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_what_is_read_ahead_comes_in_order_and_so_does_an_error(workers) -> None:
    def read(item: int) -> int:
        if item == 5:
            raise DataError("damaged")
        return item * item

    got = []
    with pytest.raises(DataError, match="damaged"):
        got.extend(read_ahead(read, range(9), workers))
    reading = read_ahead(read, range(5), workers)
    assert [*reading] == [0, 1, 4, 9, 16]


def write_shards(folder: Path, values=VALUES) -> Path:
    folder.mkdir()
    for name, part in (("10", values[30:]), ("2", values[:30])):
        np.save(folder / f"{name}.npy", part)
    return folder


def test_a_run_on_shards_or_a_mapped_file_gives_the_weights_of_one_in_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stores, "HELD", 1)  # pages are given back at every batch
    np.save(tmp_path / "all.npy", VALUES)
    folder = write_shards(tmp_path / "shards")
    expected = aezoo.train(spec(), VALUES)
    for path in (tmp_path / "all.npy", folder):
        run = aezoo.train(spec(data={"type": "arrays", "path": str(path)}), workers=2)
        assert run.scores.metrics == expected.scores.metrics
        state = run.model.network.state_dict()
        assert all(torch.equal(state[name], value) for name, value in expected.model.network.state_dict().items())


def test_shards_have_the_fingerprint_of_the_same_samples_in_one_array(tmp_path) -> None:
    samples = ArraysSpec(path=str(write_shards(tmp_path / "shards"))).load()
    assert isinstance(samples.values, JoinedRows)
    assert fingerprint(samples) == fingerprint(Samples(VALUES, "memory"))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.zeros((3, 2, 4), np.float32), r"b\.npy: holds 2x4 of float32 where other shards of the folder hold 2x3"),
        (np.zeros((3, 2, 3)), r"b\.npy: holds 2x3 of float64 where other shards of the folder hold 2x3 of float32"),
    ],
)
def test_shards_that_differ_are_refused_by_name(tmp_path, other, message) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    np.save(tmp_path / "b.npy", other)
    with pytest.raises(DataError, match=message):
        ArraysSpec(path=str(tmp_path)).load()


def test_a_folder_without_shards_or_with_two_kinds_of_them_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"holds no files that end in \.npy \.npz \.safetensors"):
        ArraysSpec(path=str(tmp_path)).load()
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "b.npz", VALUES)
    with pytest.raises(DataError, match=r"holds files that end in \.npy and \.npz"):
        ArraysSpec(path=str(tmp_path)).load()


def test_a_mapped_file_that_is_cut_short_is_an_error_and_not_the_end_of_the_process(tmp_path) -> None:
    np.save(tmp_path / "all.npy", VALUES)
    samples = ArraysSpec(path=str(tmp_path / "all.npy")).load()
    batches = Batches(samples, spec())
    os.truncate(tmp_path / "all.npy", 500)
    with pytest.raises(DataError, match=r"all\.npy was cut short while it was read"):
        next(batches.epoch(0, 8, 0))


def test_pages_of_a_private_mapping_are_kept_since_they_may_hold_what_was_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stores, "HELD", 1)
    np.save(tmp_path / "all.npy", VALUES)
    values = np.load(tmp_path / "all.npy", mmap_mode="c")
    values[:] = 7
    batches = Batches(Samples(values, "mapped"), spec())
    for _ in range(2):
        assert all((batch.x == 7).all() for batch in batches.epoch(0, 8, 0))


def test_large_files_of_another_byte_order_or_of_bfloat16_are_converted_as_they_are_read(tmp_path, monkeypatch) -> None:
    from safetensors.torch import save_file

    narrow = torch.from_numpy(VALUES).bfloat16()
    save_file({"values": narrow}, tmp_path / "narrow.safetensors")
    np.save(tmp_path / "big.npy", VALUES.astype(">f4"))
    for limit in (0, 1 << 28):
        monkeypatch.setattr("aezoo.builtins.array_files.HELD", limit)
        for name, expected in (("narrow.safetensors", narrow.float().numpy()), ("big.npy", VALUES)):
            values = ArraysSpec(path=str(tmp_path / name)).load().values
            assert isinstance(values, LazyArray) == (limit == 0)
            np.testing.assert_array_equal(values[[3, 1]], expected[[3, 1]])


@pytest.mark.parametrize("gaps", [False, True])
def test_moments_in_parts_are_those_of_all_at_once(gaps) -> None:
    x = torch.from_numpy(VALUES).double() * torch.tensor([1e3, 1e-3])[:, None] + 1e6
    known = torch.from_numpy(np.random.default_rng(1).random(x.shape) < 0.7) if gaps else None
    whole, parts = Normalizer((2, 3)).double(), Normalizer((2, 3)).double()
    whole.fit(x, known)
    masks = known.split(16) if known is not None else [None] * 4
    parts.fit_in_parts(zip(x.split(16), masks, strict=True))
    torch.testing.assert_close(parts.shift, whole.shift, rtol=1e-12, atol=0)
    torch.testing.assert_close(parts.scale, whole.scale, rtol=1e-6, atol=0)  # a deviation of 1e-3 beside 1e6


def test_a_feature_of_which_no_part_knows_a_value_is_refused() -> None:
    known = torch.ones(4, 2, 1)
    known[:, 1] = 0
    with pytest.raises(DataError, match=r"feature 1 .counted from 0. has no known value"):
        Normalizer((2, 3)).fit_in_parts([(torch.zeros(4, 2, 3), known)])


def test_a_run_on_many_mapped_samples_standardizes_by_parts(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(setup, "HELD", 100)
    np.save(tmp_path / "all.npy", VALUES)
    document = {"input": {"shape": [2, 3], "kind": "signal", "normalize": "standardize"}}
    run = aezoo.train(spec(**document, data={"type": "arrays", "path": str(tmp_path / "all.npy")}))
    held = aezoo.train(spec(**document), VALUES)
    torch.testing.assert_close(run.model.network.normalizer.scale, held.model.network.normalizer.scale)


def test_images_with_a_lazy_array_and_no_channel_axis_get_one() -> None:
    grey = Decoded(np.zeros((4, 5, 6), np.uint8))
    images = aezoo.read({"name": "g", "input": [1, 5, 6], "latent": {"type": "deterministic", "dim": 2}, "encoder": []})
    assert open_samples(Samples(grey, "grey"), images).values[:2].shape == (2, 1, 5, 6)


@pytest.mark.parametrize("kind", ["shards", "converted", "limited"])
def test_a_shard_that_is_cut_short_is_an_error_and_gives_its_pages_back(tmp_path, monkeypatch, kind) -> None:
    monkeypatch.setattr(stores, "HELD", 1)
    if kind == "converted":
        monkeypatch.setattr("aezoo.builtins.array_files.HELD", 0)
        np.save(tmp_path / "all.npy", VALUES.astype(">f4"))
        path, cut = tmp_path / "all.npy", tmp_path / "all.npy"
    else:
        path = write_shards(tmp_path / "shards")
        cut = sorted(path.iterdir())[-1]
    samples = ArraysSpec(path=str(path), limit=40 if kind == "limited" else None).load()
    released = []
    monkeypatch.setattr(stores.Pages, "release", lambda pages: released.append(pages))
    batches = Batches(samples, spec())
    count = len(samples)
    first = batches.gather(torch.arange(count))
    assert released
    np.testing.assert_array_equal(first.x.numpy(), samples.values[:])
    os.truncate(cut, 200)
    for read in (
        lambda: batches.gather(torch.arange(count)),
        lambda: [*batches.sequential(count)],
        lambda: fingerprint(samples),
    ):
        with pytest.raises(DataError, match=f"{cut.name} was cut short while it was read"):
            read()
