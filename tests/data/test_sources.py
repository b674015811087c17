"""Opening, checking, splitting and batching: what comes out, in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

import aezoo.data.values
from aezoo.builtins import arrays, digits, generated, image_files, tables
from aezoo.data.batches import Batches
from aezoo.data.sources import check, open_samples
from aezoo.data.splits import split
from aezoo.errors import DataError, NotFound, UsageError
from aezoo.randomness import generator, permutation
from aezoo.registry.lazy import LazyModule
from aezoo.registry.registry import Registry
from aezoo.spec.document import InputSpec
from aezoo.spec.samples import Samples

DIGITS = np.random.default_rng(0).integers(0, 256, (20, 1, 4, 4), dtype=np.uint8)


def spec_of(shape, *, data=None, precision="float32", **fields):
    """As much of a spec as data are concerned with."""
    return SimpleNamespace(
        input=InputSpec(shape=shape, **fields),
        data=data,
        training=SimpleNamespace(precision=precision),
        fields={},
        mask=None,
        target=None,
        input_domains=(),
    )


IMAGE = spec_of((1, 4, 4))


@pytest.fixture(scope="module")
def registry():
    registry = Registry()
    for module in (arrays, digits, generated, image_files, tables):
        registry.add(LazyModule(module.__name__).components())
    return registry


# --- open ----------------------------------------------------------------------------------------------


def test_arrays_tensors_datasets_and_samples_are_sources():
    for source in (DIGITS, torch.from_numpy(DIGITS), Samples(DIGITS, "mine")):
        assert np.array_equal(open_samples(source, IMAGE).values, DIGITS)
    part = generated.AR1Spec(n=3, length=4)
    assert open_samples(part, IMAGE).shape == (1, 4)
    assert open_samples(None, spec_of((1, 4), data=part)).shape == (1, 4)
    assert open_samples(torch.ones(2, 3, dtype=torch.bfloat16), spec_of((3,))).values.dtype == np.float32
    assert open_samples(torch.ones(2, 3, requires_grad=True), spec_of((3,))).values.tolist() == [[1] * 3] * 2


def test_a_path_is_read_by_the_dataset_that_knows_its_ending(tmp_path, registry):
    np.save(tmp_path / "a.npy", DIGITS)
    np.savez(tmp_path / "a.npz", x=DIGITS)
    save_file({"x": DIGITS}, tmp_path / "a.safetensors")
    (tmp_path / "images").mkdir()
    for row, image in enumerate(DIGITS):
        Image.fromarray(image[0]).save(tmp_path / "images" / f"{row:03}.png")
    for name in ("a.npy", "a.npz", "a.safetensors", "images"):
        for path in (tmp_path / name, str(tmp_path / name)):
            assert np.array_equal(open_samples(path, IMAGE, registry=registry).values, DIGITS)
    one = open_samples(tmp_path / "images/003.png", IMAGE, registry=registry)
    assert np.array_equal(one.values, DIGITS[3:4])
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert open_samples(tmp_path / "t.csv", spec_of((2,)), registry=registry).values.tolist() == [[1, 2]]


def test_a_path_is_read_as_the_specs_own_data_are(tmp_path, registry):
    (tmp_path / "t.csv").write_text("a,b,kind\n1,2,cat\n3,4,ape\n")
    (tmp_path / "u.csv").write_text("b,a\n6,5\n")
    own = tables.TableSpec(path="own.csv", columns=("a", "b"), label="kind", limit=1)
    spec = spec_of((2,), data=own)
    labelled = open_samples(tmp_path / "t.csv", spec, registry=registry)
    assert (labelled.values.tolist(), labelled.labels.tolist()) == ([[1, 2], [3, 4]], [1, 0])
    bare = open_samples(tmp_path / "u.csv", spec, registry=registry)
    assert (bare.values.tolist(), bare.labels) == ([[5, 6]], None)
    np.savez(tmp_path / "a.npz", x=DIGITS, y=np.arange(len(DIGITS)))
    np.save(tmp_path / "b.npy", DIGITS)
    spec = spec_of((1, 4, 4), data=arrays.ArraysSpec(path="own.npz", key="x", labels="y"))
    assert open_samples(tmp_path / "a.npz", spec, registry=registry).labels is not None
    assert open_samples(tmp_path / "b.npy", spec, registry=registry).labels is None
    with pytest.raises(DataError, match="holds 2 arrays"):
        open_samples(tmp_path / "a.npz", spec, registry=registry, as_input=False)


def test_a_source_that_is_none_of_these_is_refused(tmp_path, registry, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.wav: no dataset reads \.wav") as caught:
        open_samples("a.wav", IMAGE, registry=registry)
    assert all(suffix in caught.value.hint for suffix in (".npy", ".safetensors", ".csv", ".png", "folders"))
    with pytest.raises(NotFound, match=str(tmp_path / "b.npy")):
        open_samples("b.npy", IMAGE, registry=registry)
    with pytest.raises(UsageError, match="the spec has none") as caught:
        open_samples(None, IMAGE)
    assert "[data]" in caught.value.hint
    with pytest.raises(UsageError, match="data are a list"):
        open_samples([[1, 2]], IMAGE)


def test_images_without_a_channel_axis_get_one_and_nothing_else_does():
    assert open_samples(DIGITS[:, 0], IMAGE).shape == (1, 4, 4)
    assert open_samples(DIGITS[:, 0], spec_of((3, 4, 4))).shape == (4, 4)
    assert open_samples(DIGITS[:, 0, 0], spec_of((1, 4))).shape == (4,)


# --- check ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "shape", "message", "hint"),
    [
        (
            np.zeros((5, 4, 4, 3), "u1"),
            (3, 4, 4),
            "samples are 4x4x3, the input is 3x4x4",
            "channels come last",
        ),
        (np.zeros((5, 3, 4, 4), "u1"), (4, 4, 3), "samples are 3x4x4", "has its channels last"),
        (np.zeros((5, 3, 4, 4), "u1"), (1, 4, 4), "samples are 3x4x4", "3 channels instead of 1"),
        (np.zeros((1, 4, 4), "f4"), (1, 4, 4), "samples are 4x4", "values[None]"),
        (np.zeros((5, 16), "f4"), (1, 4, 4), "samples are 16", "as many values"),
        (np.zeros((5, 8), "f4"), (9,), "samples are 8", "input.shape = [8]"),
        (np.zeros(5, "f4"), (9,), "single numbers", "samples are [N, ...]"),
        (np.zeros((0, 9), "f4"), (9,), "holds no samples", ""),
        (np.zeros((5, 9), "i8"), (9,), "values are int64", "uint8"),
        (np.zeros((5, 9), object), (9,), "values are object", "float32"),
    ],
)
def test_the_wrong_type_or_shape_is_refused_with_advice(values, shape, message, hint):
    with pytest.raises(DataError) as caught:
        check(Samples(values, "mine"), spec_of(shape))
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine: ")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((1000,), (1, 64)), ((1, 1, 1000), (1, 64)), ((1, 1000), (1, 64)), ((1, 2, 1000), (2, 64)), ((2, 1000), (2, 64))],
)
def test_one_long_recording_is_cut_as_the_hint_says(shape, wanted):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    with pytest.raises(DataError) as caught:
        check(Samples(values, "voice"), spec_of(wanted))
    before, _, code = caught.value.hint.partition("windows: ")
    assert before == "one long recording; cut it into "
    windows = eval(code, {"numpy": np, "values": values})
    check(Samples(windows, "voice"), spec_of(wanted))
    assert len(windows) == 1000 // 64
    rows = values.reshape(wanted[0], 1000)
    assert all(np.array_equal(window, rows[:, 64 * n : 64 * n + 64]) for n, window in enumerate(windows))


def test_a_table_of_times_and_values_is_no_set_of_signals():
    with pytest.raises(DataError) as caught:
        check(Samples(np.zeros((1000, 2), np.float32), "t.csv"), spec_of((1, 64)))
    assert "array [N, 1, 64] of windows" in caught.value.hint
    with pytest.raises(DataError) as caught:
        check(Samples(np.zeros((5, 1, 80), np.float32), "five"), spec_of((1, 64)))
    assert caught.value.hint.startswith("write input.shape = [1, 80]")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 7, 19])
def test_the_first_value_that_is_not_finite_is_named(monkeypatch, bad, row):
    monkeypatch.setattr(aezoo.data.values, "_CHUNK", 3 * 16)  # several chunks
    values = DIGITS.astype(np.float32) / 255
    values[row, 0, 2, 3] = bad
    values[19, 0, 3, 3] = bad
    names = tuple(f"{n}.png" for n in range(20))
    with pytest.raises(DataError) as caught:
        check(Samples(values, "mine", names=names), IMAGE)
    assert f"mine: {row}.png, position [0, 2, 3]: {bad}; 2 of 320 values are NaN or infinite" in str(caught.value)


def test_a_value_out_of_range_is_named_and_a_rounding_is_not():
    values = np.linspace(0, 1, 32, dtype=np.float32).reshape(2, 1, 4, 4)
    check(Samples(values, "mine"), IMAGE)
    check(Samples(values * np.float32(1 + 1e-6), "mine"), IMAGE)
    values[1, 0, 0, 1] = -0.5
    with pytest.raises(DataError, match=r"sample 1, position \[0, 0, 1\]: -0.5 is outside of \[0, 1\], as are 1 of"):
        check(Samples(values, "mine"), IMAGE)
    check(Samples(values, "mine"), spec_of((1, 4, 4), range=(-1.0, 1.0)))
    check(Samples(values * 1e9, "mine"), spec_of((1, 4, 4), kind="activations"))


def test_floats_up_to_255_are_recognized():
    with pytest.raises(DataError) as caught:
        check(Samples(DIGITS.astype(np.float32), "mine"), IMAGE)
    assert "looks like 0..255" in caught.value.hint


def test_uint8_is_always_within_its_range():
    check(Samples(DIGITS, "mine"), IMAGE)


# --- split ---------------------------------------------------------------------------------------------


def rows_of(n, validation=0.1, test=0.1, seed=0):
    part = generated.AR1Spec(validation=validation, test=test)
    return split(Samples(np.empty((n, 1)), "mine"), part, seed)


@given(n=st.integers(1, 400), validation=st.floats(0, 0.49), test=st.floats(0, 0.49), seed=st.integers(0, 3))
def test_splits_are_disjoint_complete_and_leave_something_to_train_on(n, validation, test, seed):
    rows = rows_of(n, validation, test, seed)
    assert list(rows) == ["train", "validation", "test"]
    assert np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(n))
    assert len(rows["train"]) >= 1
    assert all((np.diff(part) > 0).all() for part in rows.values())


def test_splits_have_the_declared_sizes():
    assert [len(part) for part in rows_of(100, 0.29, 0.1).values()] == [61, 29, 10]
    assert [len(part) for part in rows_of(100, 0.0, 0.0).values()] == [100, 0, 0]
    assert [len(part) for part in split(Samples(np.empty((50, 1)), "mine"), None).values()] == [40, 5, 5]


def test_splits_of_very_few_samples():
    assert [[len(part) for part in rows_of(n).values()] for n in (1, 2, 3)] == [[1, 0, 0], [1, 0, 1], [1, 1, 1]]
    with pytest.raises(DataError, match="no sample is left for training: 0 in all"):
        rows_of(0)


def test_splits_depend_on_the_seed_and_the_number_of_samples_alone():
    def as_lists(rows):
        return {name: part.tolist() for name, part in rows.items()}

    torch.manual_seed(1)
    np.random.seed(1)
    assert as_lists(rows_of(50)) == as_lists(rows_of(50))
    assert as_lists(rows_of(50, seed=1)) != as_lists(rows_of(50))
    assert rows_of(20)["test"].tolist() == [12, 16]  # in every version
    assert rows_of(50, validation=0.4)["test"].tolist() == rows_of(50, validation=0.1)["test"].tolist()


def test_splits_that_a_set_fixes_are_kept():
    samples = Samples(np.empty((4, 1)), "mine", splits={"train": np.array([3, 0]), "test": np.array([1])})
    rows = split(samples, generated.AR1Spec(validation=0.5), seed=3)
    assert {name: part.tolist() for name, part in rows.items()} == {
        "train": [0, 3],
        "validation": [],
        "test": [1],
    }


# --- batches -------------------------------------------------------------------------------------------


def numbered(n, **fields):
    """Batches whose samples hold their own number."""
    return Batches(Samples(np.arange(n, dtype=np.float32)[:, None], "mine"), spec_of((1,)), **fields)


def joined(batches):
    return torch.cat([x for x, _ in batches])


@given(n=st.integers(0, 70), batch_size=st.integers(1, 9), seed=st.integers(0, 3))
def test_an_epoch_holds_every_sample_once_and_no_batch_of_one_but_when_asked(n, batch_size, seed):
    batches = numbered(n)
    parts = [part[:, 0].int().tolist() for part, _ in batches.epoch(2, batch_size, seed)] if n else []
    assert sorted(number for part in parts for number in part) == list(range(n))
    assert len(parts) == batches.steps_per_epoch(batch_size)
    assert all(len(part) == batch_size for part in parts[:-1])
    if n > 1 and batch_size > 1:
        assert all(2 <= len(part) <= batch_size + 1 for part in parts)


def test_a_remainder_of_one_joins_the_batch_before_it():
    assert [batch.rows for batch in numbered(9).epoch(0, 4, 0)] == [4, 5]
    assert [batch.rows for batch in numbered(10).epoch(0, 4, 0)] == [4, 4, 2]
    assert [batch.rows for batch in numbered(3).epoch(0, 1, 0)] == [1, 1, 1]
    assert [batch.rows for batch in numbered(1).epoch(0, 4, 0)] == [1]


def test_the_order_is_a_permutation_of_its_own_in_each_epoch_and_for_each_seed():
    batches = numbered(50)
    orders = [batches.order(epoch, seed).tolist() for epoch in range(3) for seed in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 9
    torch.manual_seed(0)
    assert batches.order(1, 2).tolist() == numbered(50).order(1, 2).tolist()


@pytest.mark.parametrize("transient", [False, True])
def test_batches_in_order_hold_the_values_and_never_the_memory_of_the_data(transient: bool) -> None:
    values = np.arange(20, dtype=np.float32).reshape(5, 4)
    before = values.copy()
    spec = spec_of((4,))
    kept = []
    for batch in Batches(Samples(values, "mine"), spec).sequential(2, transient=transient):
        kept.append((batch.x, batch.x.clone()))
        batch.x.add_(1)  # as a layer that works in place does
    np.testing.assert_array_equal(torch.cat([x for _, x in kept]).numpy(), before)
    np.testing.assert_array_equal(values, before)
    assert (kept[0][0].data_ptr() == kept[2][0].data_ptr()) is transient  # both are still held


def test_sequential_keeps_the_order_of_the_rows():
    rows = np.array([1, 4, 5, 8, 9])
    batches = numbered(10, rows=rows)
    assert len(batches) == 5
    assert joined(batches.sequential(2))[:, 0].tolist() == rows.tolist()
    assert [batch.rows for batch in batches.sequential(2)] == [2, 2, 1]


def test_the_head_is_spread_over_the_split():
    assert numbered(10).head(5).x[:, 0].tolist() == [0, 2, 4, 6, 8]
    assert numbered(3).head(5).x[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("interval", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_uint8_is_scaled_to_the_declared_range(interval, precision):
    low, high = interval
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    batches = Batches(Samples(ramp, "mine"), spec_of((1,), range=interval, precision=precision))
    dtype = torch.float64 if precision == "float64" else torch.float32
    ((x, _),) = batches.sequential(256)
    assert x.dtype == dtype
    assert x[0].item() == low
    assert x[255].item() == high
    torch.testing.assert_close(x, torch.linspace(low, high, 256, dtype=dtype)[:, None])
    gathered = batches.gather(torch.arange(256)).x
    assert torch.equal(gathered, x)


def test_uint8_without_a_range_stays_from_0_to_255():
    ((x, _),) = Batches(Samples(np.array([[0], [255]], np.uint8), "mine"), spec_of((1,))).sequential(2)
    assert x.tolist() == [[0.0], [255.0]]


@pytest.mark.parametrize("rows", [None, np.arange(3, 12), np.array([0, 2, 3, 19])])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_mapped_and_loaded_samples_give_the_same_batches(tmp_path, rows, dtype):
    values = (DIGITS / 255).astype(dtype) if dtype != np.uint8 else DIGITS
    np.save(tmp_path / "a.npy", values)
    mapped = arrays.ArraysSpec(path=str(tmp_path / "a.npy")).load()
    assert isinstance(mapped.values, np.memmap)
    one, two = (Batches(samples, IMAGE, rows) for samples in (mapped, Samples(values, "mine")))
    assert len(one) == len(two) == (20 if rows is None else len(rows))
    for (a, _), (b, _) in zip(
        [*one.epoch(0, 3, 0), *one.sequential(3)], [*two.epoch(0, 3, 0), *two.sequential(3)], strict=True
    ):
        assert torch.equal(a, b)
        assert a.dtype == torch.float32
    expected = values.astype(np.float32) / (255 if dtype == np.uint8 else 1)
    np.testing.assert_allclose(joined(one.sequential(7)), expected[slice(None) if rows is None else rows])


def test_what_is_done_to_a_batch_does_not_reach_the_data(tmp_path):
    values = np.ones((6, 1), np.float32)
    np.save(tmp_path / "a.npy", values)
    for samples in (Samples(values, "mine"), arrays.ArraysSpec(path=str(tmp_path / "a.npy")).load()):
        batches = Batches(samples, spec_of((1,)))
        for x, _ in (*batches.sequential(2), *batches.epoch(0, 2, 0)):
            x.zero_()
        assert (samples.values == 1).all()


def test_a_read_only_a_reversed_and_a_fortran_array_can_be_batched():
    fixed = np.arange(6, dtype=np.float32).reshape(6, 1)
    fixed.flags.writeable = False
    for values in (fixed, fixed[::-1], np.asfortranarray(np.arange(6.0).reshape(3, 2))):
        shape = values.shape[1:]
        x = joined(Batches(Samples(values, "mine"), spec_of(shape)).sequential(4))
        assert np.array_equal(x, values)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_batches_on_an_accelerator_equal_those_of_the_cpu():
    rows = np.array([0, 2, 3, 7, 19])
    pairs = zip(
        Batches(Samples(DIGITS, "mine"), IMAGE, rows, device="cuda").epoch(0, 2, 0),
        Batches(Samples(DIGITS, "mine"), IMAGE, rows).epoch(0, 2, 0),
        strict=True,
    )
    for (there, _), (here, _) in pairs:
        assert there.device.type == "cuda"
        torch.testing.assert_close(there.cpu(), here)


def test_records_call_a_file_by_its_last_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.npy"
    assert Samples(DIGITS, str(path)).title == "mine.npy"
    assert Samples(DIGITS, f"{tmp_path}/photos/").title == "photos"
    assert Samples(DIGITS, "data/mine.npy").title == "data/mine.npy"
    assert Samples(DIGITS, "digits").title == "digits"


# --- on paper ------------------------------------------------------------------------------------------


def test_shares_are_cut_down_to_whole_samples_but_for_roundings():
    assert [len(part) for part in rows_of(7, 0.3, 0.3).values()] == [3, 2, 2]
    assert [len(part) for part in rows_of(10, 0.29, 0.19).values()] == [7, 2, 1]
    assert [len(part) for part in rows_of(100, 0.07, 0.57).values()] == [36, 7, 57]  # 0.57 * 100 is 56.99999999999999


def test_a_share_too_small_for_a_sample_gets_one_and_no_share_gets_none():
    assert [len(part) for part in rows_of(5, 0.01, 0.0).values()] == [4, 1, 0]
    assert [len(part) for part in rows_of(5, 0.0, 0.01).values()] == [4, 0, 1]


def test_test_rows_come_first_in_the_order_and_validation_rows_next():
    order = permutation(20, 3, "split")
    rows = rows_of(20, 0.2, 0.1, seed=3)
    assert rows["test"].tolist() == sorted(order[:2])
    assert rows["validation"].tolist() == sorted(order[2:6])
    assert rows["train"].tolist() == sorted(order[6:])


def test_without_a_dataset_a_tenth_is_held_out_for_each():
    rows, expected = split(Samples(np.empty((30, 1)), "mine"), None, 4), rows_of(30, 0.1, 0.1, seed=4)
    assert all(np.array_equal(rows[name], part) for name, part in expected.items())


@pytest.mark.parametrize(("dtype", "slack"), [(np.float32, 1e-5), (np.float64, 1e-5), (np.float16, 1e-3)])
@pytest.mark.parametrize("interval", [(0.0, 1.0), (-1.0, 3.0)])
def test_a_value_may_step_over_an_end_by_a_rounding_of_its_range(dtype, slack, interval):
    low, high = interval
    spec = spec_of((1,), range=interval)
    width = (high - low) * slack
    for factor, passes in ((0.6, True), (2.5, False)):
        for value in (low - factor * width, high + factor * width):
            samples = Samples(np.array([[low], [value]], dtype), "mine")
            if passes:
                check(samples, spec)
            else:
                with pytest.raises(DataError, match="sample 1"):
                    check(samples, spec)


def test_bad_values_are_counted_over_all_chunks(monkeypatch):
    monkeypatch.setattr("aezoo.data.values._CHUNK", 2)
    values = np.array([[0.5], [0.25], [np.nan], [7.0], [-2.0], [np.inf]], np.float32)
    with pytest.raises(DataError) as caught:
        check(Samples(values, "mine"), spec_of((1,), range=(0.0, 1.0)))
    assert "sample 2, position [0]: nan; 2 of 6 values are NaN or infinite, 2 out of range" in str(caught.value)
    with pytest.raises(DataError) as caught:
        check(Samples(values[[0, 1, 3, 4]], "mine"), spec_of((1,), range=(0.0, 1.0)))
    assert "sample 2, position [0]: 7.0 is outside of [0, 1], as are 2 of 4" in str(caught.value)
    assert "from -2 to 7" in caught.value.hint


def test_values_without_a_range_are_only_asked_to_be_finite():
    spec = spec_of((1,), kind="vector")
    check(Samples(np.array([[-1e30], [1e30]], np.float32), "mine"), spec)
    with pytest.raises(DataError, match=r"sample 0, position \[0\]: -inf; 1 of 2 values"):
        check(Samples(np.array([[-np.inf], [1e30]], np.float32), "mine"), spec)


@pytest.mark.parametrize(("least", "most", "hinted"), [(0.0, 255.0, True), (-1.0, 255.0, False), (0.0, 256.0, False)])
def test_the_hint_of_bytes_is_for_values_from_0_to_255(least, most, hinted):
    values = np.array([[[[least, most], [0.5, 2.0]]]], np.float32)
    with pytest.raises(DataError) as caught:
        check(Samples(values, "mine"), spec_of((1, 2, 2), range=(0.0, 1.0)))
    assert ("looks like 0..255" in caught.value.hint) is hinted


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"), [(8, 4, 2), (9, 4, 2), (10, 4, 3), (1, 4, 1), (3, 1, 3), (0, 4, 0), (4, 4, 1)]
)
def test_an_epoch_has_as_many_steps_as_batches(n, batch_size, steps):
    assert numbered(n).steps_per_epoch(batch_size) == steps


def test_the_order_of_an_epoch_is_that_of_its_stream():
    assert numbered(9).order(2, 5).tolist() == torch.randperm(9, generator=generator(5, "order", 2)).tolist()
    (first, second) = (part[:, 0].tolist() for part, _ in numbered(9).epoch(2, 5, 5))
    assert first + second == numbered(9).order(2, 5).tolist()


def test_the_head_is_evenly_spaced_and_never_longer_than_the_split():
    assert numbered(10).head(3).x[:, 0].tolist() == [0, 3, 6]
    assert numbered(10).head(10).x[:, 0].tolist() == list(range(10))
    rows = np.array([2, 3, 5, 7, 11, 13])
    assert numbered(20, rows=rows).head(2).x[:, 0].tolist() == [2, 7]
    assert numbered(0).head(4).x.shape == (0, 1)


def test_rows_that_follow_one_another_are_those_rows():
    assert joined(numbered(10, rows=np.arange(3, 7)).sequential(3))[:, 0].tolist() == [3, 4, 5, 6]
    assert joined(numbered(10, rows=np.array([3, 5, 6, 7])).sequential(3))[:, 0].tolist() == [3, 5, 6, 7]
    assert joined(numbered(10, rows=np.array([3, 4, 4, 6])).sequential(3))[:, 0].tolist() == [3, 4, 4, 6]
    assert len(numbered(10, rows=np.array([], np.int64))) == 0


def test_doubles_are_rounded_to_floats_once_and_kept_where_the_spec_asks_for_doubles():
    values = np.array([[1 / 3], [2 / 3]])
    for precision, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        ((x, _),) = Batches(Samples(values, "mine"), spec_of((1,), precision=precision)).sequential(2)
        assert x.dtype == dtype
        assert x.equal(torch.from_numpy(values).to(dtype))


def test_a_mapped_file_and_rows_that_follow_one_another_are_read_where_they_lie(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 1), np.float32))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r+")
    loaded = np.zeros((8, 1), np.float32)
    together, apart = np.arange(2, 6), np.array([2, 4, 5])
    kept = [
        (Batches(Samples(mapped, "mine"), spec_of((1,)), apart), True),
        (Batches(Samples(mapped, "mine"), spec_of((1,))), True),
        (Batches(Samples(loaded, "mine"), spec_of((1,)), together), True),
        (Batches(Samples(loaded, "mine"), spec_of((1,))), True),
        (Batches(Samples(loaded, "mine"), spec_of((1,)), apart), False),
    ]
    mapped[:] = loaded[:] = 7.0
    for batches, shared in kept:
        assert all(bool((x == 7).all()) is shared for x, _ in batches.sequential(3))


def test_arrays_that_torch_does_not_take_are_copied_as_they_are():
    packed = np.zeros(6, np.dtype([("pad", "u1"), ("x", "<f4")]))
    packed["x"] = np.arange(6)
    for values in (packed["x"], np.arange(6.0)[::-1], np.arange(6, dtype=">f4"), np.arange(6.0)[::2]):
        x = joined(Batches(Samples(values[:, None], "mine"), spec_of((1,))).sequential(4))
        assert x[:, 0].tolist() == values.tolist()


def test_a_path_is_looked_up_among_all_parts_that_are_loaded_or_those_that_are_said(tmp_path):
    np.save(tmp_path / "a.npy", DIGITS)
    assert open_samples(tmp_path / "a.npy", IMAGE).shape == (1, 4, 4)
    few = Registry()
    few.add([tables.TableSpec])
    with pytest.raises(UsageError, match=r"no dataset reads \.npy"):
        open_samples(tmp_path / "a.npy", IMAGE, registry=few)


def test_a_split_that_says_no_seed_is_that_of_seed_0():
    samples = Samples(np.zeros((40, 2)), "made up")
    unsaid, said = split(samples, None), split(samples, None, 0)
    assert all((unsaid[name] == said[name]).all() for name in ("train", "validation", "test"))


def test_a_dataset_is_handed_the_shape_and_the_seed(monkeypatch):
    seen = []

    def load(self, *, shape, seed=-1):
        seen.append((shape, seed))
        return Samples(np.zeros((4, *shape), np.float32), "made up")

    monkeypatch.setattr(generated.AR1Spec, "load", load)
    spec = aezoo.read({"name": "t", "input": [1, 6], "latent": {"type": "deterministic", "dim": 2}})
    open_samples(generated.AR1Spec(), spec, seed=7)
    assert seen == [((1, 6), 7)]


def test_a_vector_as_long_as_one_signal_is_no_long_recording() -> None:
    with pytest.raises(DataError) as caught:
        check(Samples(np.zeros(64, np.float32), "voice"), spec_of((1, 64)))
    assert "one long recording" not in (caught.value.hint or "")
