"""Digits, arrays and tables: what is read, and what is refused by name."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from aezoo.builtins.arrays import ArraysSpec
from aezoo.builtins.digits import DigitsSpec
from aezoo.builtins.tables import TableSpec
from aezoo.data.batches import Batches
from aezoo.data.splits import split
from aezoo.errors import DataError, NotFound, SpecError
from aezoo.reading.reader import read

FACES = np.arange(5 * 1 * 2 * 3, dtype=np.uint8).reshape(5, 1, 2, 3)


@pytest.fixture
def faces(tmp_path):
    """A function that writes an array in the named format and gives its path."""

    def write(name, array=FACES):
        path = tmp_path / name
        if path.suffix.lower() == ".npy":
            with path.open("wb") as file:  # numpy would add an ending to A.NPY
                np.save(file, array)
        elif path.suffix == ".npz":
            np.savez(path, faces=array)
        else:
            save_file({"faces": np.ascontiguousarray(array)}, path)
        return path

    return write


@pytest.fixture
def table(tmp_path):
    """A function that writes a text and loads it as a table."""

    def load(content, name="t.csv", **fields):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return TableSpec(path=str(path), **fields).load()

    return load


# --- digits --------------------------------------------------------------------------------------------


def test_the_digits_are_ten_thousand_images_with_every_class_in_every_split():
    samples = DigitsSpec().load()
    assert samples.values.shape == (10_000, 1, 28, 28)
    assert samples.values.dtype == np.uint8
    assert {name: len(rows) for name, rows in samples.splits.items()} == {
        "train": 8000,
        "validation": 1000,
        "test": 1000,
    }
    for rows in samples.splits.values():
        shares = np.bincount(samples.labels[rows], minlength=10) / len(rows)
        assert shares.min() > 0.06
        assert shares.max() < 0.14
    assert len(np.unique(samples.values.reshape(10_000, -1), axis=0)) == 10_000


def test_a_limit_on_the_digits_leaves_validation_and_test_alone():
    splits = DigitsSpec(limit=100).load().splits
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [100, 1000, 1000]


def test_digits_with_a_label_come_as_often_as_said_and_others_once():
    samples = DigitsSpec(labels=100, repeat=40).load(seed=3)
    once = DigitsSpec(labels=100).load(seed=3)
    assert np.array_equal(samples.labels, once.labels)
    times = np.bincount(samples.splits["train"], minlength=8000)
    assert np.array_equal(times, np.where(samples.labels[:8000] >= 0, 40, 1))
    for name in ("validation", "test"):
        assert np.array_equal(samples.splits[name], once.splits[name])


def test_an_epoch_has_every_repetition_of_a_digit():
    latent = {"type": "deterministic", "dim": 2}
    spec = read({"name": "d", "input": [1, 28, 28], "latent": latent, "data": "digits"})
    samples = DigitsSpec(limit=500, labels=10, repeat=51).load()
    rows = split(samples, spec.data)["train"]
    batches = Batches(samples, spec, rows)
    assert batches.steps_per_epoch(100) == 10
    seen = torch.cat([batch.x for batch in batches.epoch(0, 100, 0)]).flatten(1)
    unique, times = torch.unique(seen, dim=0, return_counts=True)
    assert len(unique) == 500
    assert sorted(times.tolist()) == [1] * 490 + [51] * 10


def test_a_repetition_of_digits_that_all_have_a_label_is_refused():
    data = {"type": "digits", "repeat": 2}
    with pytest.raises(SpecError, match=r"there are none to repeat more often than others"):
        read({"name": "d", "input": [1, 28, 28], "latent": {"type": "deterministic", "dim": 2}, "data": data})


# --- arrays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors", "A.NPY"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_an_array_comes_back_as_it_was_saved(faces, name, dtype):
    samples = ArraysSpec(path=str(faces(name, FACES.astype(dtype)))).load()
    assert samples.values.dtype == dtype
    assert np.array_equal(samples.values, FACES)
    assert samples.shape == (1, 2, 3)


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
def test_what_can_be_mapped_is_mapped_and_never_written(faces, name):
    path = faces(name)
    before = path.read_bytes()
    values = ArraysSpec(path=str(path)).load().values
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 99
    assert path.read_bytes() == before


def test_fortran_order_and_a_foreign_byte_order_are_read(faces):
    floats = np.random.default_rng(0).normal(size=(4, 3, 2))
    for array in (np.asfortranarray(floats), floats.astype(">f8")):
        values = ArraysSpec(path=str(faces("a.npy", array))).load().values
        assert values.dtype.isnative
        assert np.array_equal(values, floats)


def test_labels_come_from_the_same_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=FACES, y=np.arange(5, dtype=np.uint8))
    samples = ArraysSpec(path=str(tmp_path / "a.npz"), key="x", labels="y").load()
    assert samples.labels.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="labels 'x' are uint8"):
        ArraysSpec(path=str(tmp_path / "a.npz"), key="x", labels="x").load()


def test_a_limit_takes_samples_from_all_over_the_file(faces):
    samples = ArraysSpec(path=str(faces("a.npy")), limit=2).load()
    assert np.array_equal(samples.values, FACES[[0, 2]])
    assert len(ArraysSpec(path=str(faces("a.npy")), limit=100).load()) == 5


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_a_wrong_key_is_answered_with_the_keys(faces, name):
    with pytest.raises(DataError, match="no array 'images'; it holds: faces"):
        ArraysSpec(path=str(faces(name)), key="images").load()


def test_several_arrays_need_a_key(tmp_path):
    np.savez(tmp_path / "a.npz", x=FACES, y=FACES)
    with pytest.raises(DataError, match="holds 2 arrays: x, y") as caught:
        ArraysSpec(path=str(tmp_path / "a.npz")).load()
    assert caught.value.hint == "name one of them: --set data.key=x (in Python, pass the array itself)"


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors"])
def test_a_file_cut_anywhere_is_refused_by_name(faces, name):
    path = faces(name)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError) as caught:
            ArraysSpec(path=str(path)).load()
        assert str(caught.value).startswith(str(path))


def test_a_file_longer_than_its_header_says_is_refused(faces):
    path = faces("a.npy")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match="announces 30 bytes, 31 follow"):
        ArraysSpec(path=str(path)).load()


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors"])
def test_a_changed_byte_never_escapes_as_another_error(faces, name):
    path = faces(name)
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with suppress(DataError):  # a changed pixel is a good pixel
            ArraysSpec(path=str(path)).load()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((5, 2), bool), "values are bool"),
        (np.zeros((5, 2), np.complex64), "values are complex64"),
        (np.zeros((0, 2), np.float32), "holds no samples"),
        (np.float32(1), "not a set of samples"),
        (np.array([["a", "b"]]), "values are <U1"),
    ],
)
def test_what_is_no_set_of_samples_is_refused(faces, array, words):
    with pytest.raises(DataError, match=words):
        ArraysSpec(path=str(faces("a.npy", array))).load()


@pytest.mark.parametrize("codes", [np.arange(10).reshape(5, 2), np.arange(5, dtype=np.int16)])
def test_codes_are_read_as_the_whole_numbers_they_are(faces, codes):
    values = ArraysSpec(path=str(faces("a.npy", codes))).load().values
    assert values.dtype == codes.dtype
    np.testing.assert_array_equal(values, codes)


def test_nothing_is_unpickled(tmp_path):
    objects = np.array([[{}, 1]], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    with pytest.raises(DataError, match="Python objects"):
        ArraysSpec(path=str(tmp_path / "a.npy")).load()
    with pytest.raises(DataError, match="cannot be read: Object arrays cannot be loaded"):
        ArraysSpec(path=str(tmp_path / "a.npz")).load()


def test_other_files_are_refused_by_name(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB")
    with pytest.raises(DataError, match=r"is not a \.npy, \.npz, \.safetensors, \.idx, \.h5 or \.hdf5 file"):
        ArraysSpec(path=str(tmp_path / "a.mat")).load()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="not an array"):
        ArraysSpec(path=str(tmp_path / "a.npz")).load()
    with pytest.raises(NotFound, match="no such file"):
        ArraysSpec(path=str(tmp_path / "absent.npy")).load()


@pytest.mark.parametrize(
    "dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float16"]
)
def test_floats_that_numpy_lacks_are_read_exactly_from_safetensors(tmp_path, dtype):
    narrow = torch.randn(50, 3).to(getattr(torch, dtype))
    tensors = {"acts": narrow, "others": torch.zeros(50, dtype=torch.complex64), "y": torch.arange(50)}
    save_tensors(tensors, tmp_path / "a.safetensors")
    samples = ArraysSpec(path=str(tmp_path / "a.safetensors"), key="acts", labels="y").load()
    assert samples.values.dtype == (np.float16 if dtype == "float16" else np.float32)
    assert np.array_equal(samples.values, narrow.float().numpy())
    few = ArraysSpec(path=str(tmp_path / "a.safetensors"), key="acts", limit=5).load()
    assert np.array_equal(few.values, narrow.float().numpy()[::10])
    with pytest.raises(DataError, match="values are complex64"):
        ArraysSpec(path=str(tmp_path / "a.safetensors"), key="others").load()
    with pytest.raises(DataError, match=f"labels 'acts' are {dtype}"):
        ArraysSpec(path=str(tmp_path / "a.safetensors"), key="acts", labels="acts").load()


@pytest.mark.parametrize("bits", [0x0000, 0x8000, 0x0001, 0x7F7F, 0x3F80, 0xC2F7])
def test_every_bfloat16_is_the_upper_half_of_its_float32(tmp_path, bits):
    header = b'{"w":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}'
    content = struct.pack("<Q", len(header)) + header + struct.pack("<HH", bits, 0)
    (tmp_path / "a.safetensors").write_bytes(content)
    values = ArraysSpec(path=str(tmp_path / "a.safetensors")).load().values
    assert values[0].view(np.uint32) == bits << 16


def test_a_type_that_is_not_read_is_named_with_its_tensor_when_it_is_asked_for(tmp_path):
    header = (
        b'{"s":{"dtype":"F8_E8M0","shape":[4],"data_offsets":[0,4]},'
        b'"w":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}'
    )
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(DataError, match=r"a\.safetensors: 's' is of type F8_E8M0, which is not read"):
        ArraysSpec(path=str(tmp_path / "a.safetensors"), key="s").load()
    assert ArraysSpec(path=str(tmp_path / "a.safetensors"), key="w").load().values.tolist() == [[0]]


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_raw_bytes_are_refused_in_words(faces, name):
    with pytest.raises(DataError, match="values are 2 raw bytes each, as numpy saves bfloat16") as caught:
        ArraysSpec(path=str(faces(name, np.zeros((5, 2), "V2")))).load()
    assert "float32" in caught.value.hint
    with pytest.raises(DataError, match="values are"):
        ArraysSpec(path=str(faces(name, np.zeros((5, 2), [("x", "<f4"), ("y", "<f4")])))).load()


def test_a_label_beyond_64_bits_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=FACES, y=np.array([0, 1, 2, 3, 2**63], np.uint64))
    with pytest.raises(DataError, match="label 9223372036854775808 is beyond"):
        ArraysSpec(path=str(tmp_path / "a.npz"), key="x", labels="y").load()


def test_a_tensor_that_starts_at_an_odd_byte_is_read(tmp_path):
    floats = np.arange(6, dtype=np.float32).reshape(3, 2)
    header = (
        b'{"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[3,2],"data_offsets":[1,25]}}'
    )
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\7" + floats.tobytes())
    values = ArraysSpec(path=str(tmp_path / "a.safetensors"), key="f").load().values
    assert values.flags.aligned
    assert np.array_equal(values, floats)


# --- tables --------------------------------------------------------------------------------------------


def test_a_table_gives_its_columns_as_floats(table):
    samples = table("a,b\n1,2.5\n-3e2, 4\n")
    assert samples.values.dtype == np.float64
    assert samples.values.tolist() == [[1, 2.5], [-300, 4]]
    assert samples.labels is None


def test_columns_are_chosen_by_name_and_in_that_order(table):
    samples = table("id,a,b,kind\nx,1,2,cat\ny,3,4,ape\n", columns=["b", "a"], label="kind")
    assert samples.values.tolist() == [[2, 1], [4, 3]]
    assert samples.labels.tolist() == [1, 0]


def test_labels_that_are_integers_stay(table):
    assert table("a,y\n1,7\n2,-3\n", label="y").labels.tolist() == [7, -3]


def test_a_byte_order_mark_quotes_blank_lines_and_other_delimiters_are_understood(table):
    assert table(b'\xef\xbb\xbfa;b\r\n"1";2\r\n\r\n3;4\r\n', delimiter=";").values.tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert table("a\tb\n1\t2\n", name="t.tsv").values.tolist() == [[1, 2]]
    assert table(b"\xef\xbb\xbfa,b\n1,2\n", columns=["a"]).values.tolist() == [[1]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("1,2\n3,4\n", "its first line holds numbers"),
        ("a,a\n1,2\n", "more than one column is called 'a'"),
        ("a,b\n1,2\n3\n", "line 3 has 1 value, the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 values"),
        ("a,b\n1,2\n3,\n", "line 3, column 'b': the value is missing"),
        ("a,b\n1,2\n\n3,four\n", "line 4, column 'b': 'four'"),
        ("a,b\n1,nan\n", "line 2, column 'b': 'nan'"),
        ("a,b\n-inf,1\n", "line 2, column 'a': '-inf'"),
        ("a,b\n1,1e39\n", "line 2, column 'b': '1e39'"),
        ("a,b\n1,1_000\n", "line 2, column 'b': '1_000'"),
        ("a;b\n1;2\n", "one column, 'a;b'"),
        ('a,b\n1,"2\n', "cannot be read"),
        (b"a,b\n1,\xff\n", "line 2 is not UTF-8"),
        (b"a,b\n1,2\0\n", "'2\\\\x00' is not a number|cannot be read"),
    ],
)
def test_a_fault_in_a_table_is_named_with_its_line_and_column(table, content, words):
    with pytest.raises(DataError, match=words) as caught:
        table(content)
    assert "t.csv" in str(caught.value)


def test_all_faults_of_a_table_are_told_at_once(table):
    lines = [
        "id,a,b,kind",
        "M1,1,2,x",
        "M2,,2,x",
        "M3,1",
        "M4,1,west,",
        "M5,1,1e39,x",
        *[f"M{n},,1,x" for n in range(6, 20)],
    ]
    with pytest.raises(DataError) as caught:
        table("\n".join(lines), label="kind")
    message = str(caught.value)
    assert "line 2, column 'id': 'M1' is not a number; also lines 3, 5, 6, 7, 8 and 12 more\n" in message
    assert "line 3, column 'a': the value is missing; also lines 7, 8, 9, 10, 11 and 9 more\n" in message
    assert "line 4 has 2 values, the header has 4\n" in message
    assert "line 5, column 'b': 'west' is not a number\n" in message
    assert "line 5, column 'kind': no label\n" in message
    assert "line 6, column 'b': '1e39' is too large for 32 bits\n" in message
    assert message.endswith("37 faults in all")
    assert caught.value.hint.startswith("correct these lines, or leave them out; or --set data.missing=mask reads gaps")
    assert caught.value.hint.endswith("""--set 'data.exclude=["id"]' leaves columns of words out""")


def test_of_many_kinds_of_faults_the_first_are_shown_and_all_are_counted(table):
    names = [f"c{n}" for n in range(40)]
    with pytest.raises(DataError) as caught:
        table(f"{','.join(names)}\n{','.join(names[1:])},x\n")
    assert len(str(caught.value).splitlines()) == DataError.SHOWN + 1
    assert str(caught.value).endswith("... and 28 more; 40 faults in all")


def test_all_names_that_a_file_does_not_have_are_told_at_once(table, tmp_path):
    with pytest.raises(DataError, match="no column 'q', 'y'; it has: a, b"):
        table("a,b\n1,2\n", columns=["a", "q"], label="y")
    np.savez(tmp_path / "a.npz", one=np.zeros((3, 2)), two=np.zeros(3))
    with pytest.raises(DataError, match="no array 'x' and no array 'y'; it holds: one, two") as caught:
        ArraysSpec(path=str(tmp_path / "a.npz"), key="x", labels="y").load()
    assert "--set data.key=one --set data.labels=two" in caught.value.hint


def test_a_delimiter_is_suggested_as_it_is_typed(table):
    for sign, typed in (
        (";", "--set 'data.delimiter=;'"),
        ("|", "--set 'data.delimiter=|'"),
        ("\t", r"""--set 'data.delimiter="\t"'"""),
    ):
        with pytest.raises(DataError) as caught:
            table(f"a{sign}b\n1{sign}2\n")
        assert caught.value.hint == f"perhaps another delimiter: {typed}"


def test_a_quoted_line_break_does_not_shift_the_line_number(table):
    with pytest.raises(DataError, match="line 4, column 'a': 'x'"):
        table('a,kind\n1,"two\nlines"\nx,one\n', label="kind")


def test_a_column_that_is_not_there_is_answered_with_the_columns(table):
    for fields in ({"columns": ["c"]}, {"label": "c"}):
        with pytest.raises(DataError, match="no column 'c'; it has: a, b"):
            table("a,b\n1,2\n", **fields)


def test_a_missing_label_and_a_table_of_labels_alone_are_refused(table):
    with pytest.raises(DataError, match="line 3, column 'y': no label"):
        table("a,y\n1,2\n3,\n", label="y")
    with pytest.raises(DataError, match="no column to read beside 'y'"):
        table("y\n1\n", label="y")


def test_a_table_agrees_with_numpy(table):
    array = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    text = io.StringIO()
    np.savetxt(text, array, delimiter=",", header="a,b,c,d", comments="", fmt="%.9g")
    assert np.array_equal(table(text.getvalue()).values.astype(np.float32), array)


def test_a_label_that_is_not_there_is_named_before_any_value(table):
    with pytest.raises(DataError, match="has no column 'absent'"):
        table("a,y\n1,cat\n", label="absent")
