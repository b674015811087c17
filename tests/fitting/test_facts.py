"""Facts: of samples that were made so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aezoo.errors import DataError, NotFound, SpecError, UsageError
from aezoo.fitting.facts import Facts, look
from aezoo.fitting.source import described


def saved(folder: Path, values: np.ndarray, name: str = "x.npy") -> Path:
    np.save(folder / name, values)
    return folder / name


def table(folder: Path, rows: int = 120) -> Path:
    """Columns of every kind, three of which are features."""
    rng = np.random.default_rng(0)
    lines = ["key,patient,height,dose,arm,site,note,gap"]
    for i in range(rows):
        height, dose, gap = 170 + 10 * rng.normal(), rng.poisson(3), "" if i % 7 == 0 else f"{1000 * rng.normal():.1f}"
        lines.append(f"{i + 1},p{i:03},{height:.2f},{dose},{'ab'[i % 2]},1,text {i % 50},{gap}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def test_a_table_says_which_columns_are_features_and_why_others_are_none(tmp_path: Path) -> None:
    facts = look(table(tmp_path), label="arm")
    assert (facts.kind, facts.n, facts.shape) == ("table", 120, (3,))
    assert [column.name for column in facts.description.columns] == ["height", "dose", "gap"]
    settings = facts.description.settings
    assert (settings["id"], settings["label"], settings["missing"]) == ("patient", "arm", "mask")
    assert settings["exclude"] == ("key", "site", "note")
    assert "key counts the rows; site never changes; note holds text: 50" in facts.description.reasons["exclude"]
    assert facts.gaps == pytest.approx(18 / 360, abs=0.001)
    assert 100 < facts.spread < 1500  # 1,000 over the root of three, or over ten


def test_words_are_features_where_they_can_be(tmp_path: Path) -> None:
    assert [column.name for column in look(table(tmp_path), words=True).words] == ["arm"]
    without = look(table(tmp_path), words=False)
    assert without.words == ()
    assert "arm" in without.description.settings["exclude"]
    assert "a plugin with a density for classes" in without.description.reasons["exclude"]


@pytest.mark.parametrize(
    ("shape", "kind", "of_spec"),
    [
        ((7,), "vector", (7,)), ((1, 300), "signal", (1, 300)), ((3, 64), "signal", (3, 64)),
        ((16, 16), "image", (1, 16, 16)), ((3, 8, 8), "image", (3, 8, 8)), ((1, 4, 6, 6), "volume", (1, 4, 6, 6)),
    ],
)  # fmt: skip
def test_arrays_are_what_their_axes_say(
    tmp_path: Path, shape: tuple[int, ...], kind: str, of_spec: tuple[int, ...]
) -> None:
    facts = look(saved(tmp_path, np.random.default_rng(0).random((40, *shape))))
    assert (facts.kind, facts.shape, facts.n) == (kind, of_spec, 40)


def test_bytes_are_read_as_a_share_of_255_and_bits_are_told(tmp_path: Path) -> None:
    pixels = np.zeros((30, 8, 8), np.uint8)
    pixels[::2, 2:5] = 255
    facts = look(saved(tmp_path, pixels))
    assert (facts.most, facts.binary, facts.constant) == (1.0, True, 40)
    assert facts.linear[0.9] == 1


def test_arrays_with_gaps_are_read_with_a_mask(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(50, 4))
    values[3, 2] = np.nan
    facts = look(saved(tmp_path, values))
    assert facts.description.settings["missing"] == "mask"
    assert facts.gaps == pytest.approx(1 / 200)


def test_a_folder_is_what_most_of_its_files_are(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(25):
        pixels = np.random.default_rng(i).integers(0, 255, (20, 20 + i, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    facts: Facts = look(tmp_path)
    assert (facts.kind, facts.shape) == ("image", (3, 16, 16))
    assert facts.description.settings == {"resize": "crop"}
    assert "25 sizes" in facts.description.reasons["resize"]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("a,b\n" + "".join(f"{i}.5,{i % 2}\n" for i in (4, 2, 9, 1, 1)), DataError, "5 samples are too few"),
        ("a,b\n" + "1,2\n" * 50, DataError, "no column can be a feature: 'a' never changes; 'b' never changes"),
        ("a,b\n" + "".join(f"t{i} u,w{i}\n" for i in range(50)), DataError, "no column can be a feature"),
        ("a,b\n" + "".join(f"{i % 7}.5,{i % 3}\n" for i in range(50)), DataError, "has no column 'c'"),
        ("", DataError, "is empty"),
    ],
    ids=["few", "constant", "text", "no label", "empty"],
)  # fmt: skip
def test_what_nothing_can_be_learnt_of_is_one_clear_line(
    tmp_path: Path, content: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(error, match=message) as caught:
        look(tmp_path / "t.csv", label="c" if message.startswith("has no") else None)
    assert "\n" not in str(caught.value)


def test_what_is_no_set_of_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        look(tmp_path / "absent.csv")
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(UsageError, match="read by no dataset"):
        look(tmp_path / "a.docx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no file"):
        look(tmp_path / "empty")
    with pytest.raises(DataError, match="channels last"):
        look(saved(tmp_path, np.random.default_rng(0).random((30, 8, 8, 3))))
    with pytest.raises(DataError, match="no value differs"):
        look(saved(tmp_path, np.ones((30, 4))))


# --- which dataset reads a path, and how --------------------------------------------------------------------


def pictures(folder: Path) -> Path:
    for i in range(3):
        Image.new("L", (8, 8), 40 * i).save(folder / f"{i}.png")
    return folder


def test_texts_beside_images_are_no_table(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("a caption")
    assert described(pictures(tmp_path)).dataset.tag() == "images"


def test_files_of_the_idx_format_are_arrays(tmp_path: Path) -> None:
    values = np.arange(30 * 4, dtype=np.uint8).reshape(30, 4)
    path = tmp_path / "train-images-idx2-ubyte"
    path.write_bytes(bytes([0, 0, 8, 2]) + np.array([30, 4], ">u4").tobytes() + values.tobytes())
    assert look(path).shape == (4,)


def test_images_have_no_columns_of_labels(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sub-folders are the classes of images") as caught:
        described(pictures(tmp_path), label="state")
    assert "--set data.labels=labels.csv" in caught.value.hint


def test_a_damaged_recording_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF\x04\0\0\0WAVE")
    with pytest.raises(DataError, match="wav: "):
        described(tmp_path)


def test_what_is_asked_for_goes_before_what_the_source_suggests(tmp_path: Path) -> None:
    path = table(tmp_path)
    facts = look(path, words=True, settings=['data.exclude=["key", "site", "note", "arm"]', "data.limit=60"])
    assert (facts.n, [column.name for column in facts.description.columns]) == (60, ["height", "dose", "gap"])
    assert facts.dataset.model_dump()["exclude"] == ("key", "site", "note", "arm")
    assert "exclude" not in facts.description.reasons
    with pytest.raises(SpecError, match="colums"):
        look(path, settings=["data.colums=[]"])
    with pytest.raises(UsageError, match="--set names other data"):
        look(path, settings=["data.path=other.csv"])
