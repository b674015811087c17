"""Commands about models: a tiny model is trained for real, once, and put to every use."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aezoo.cli import main

Run = Callable[..., Any]

SPEC = """\
aezoo = 1
name = "tiny"
input = [1, 8, 8]
encoder = [{ type = "flatten" }]
latent = { type = "gaussian", dim = 3 }
likelihood = "bernoulli"
regularizers.kl = { weight = 1.0 }
data = { type = "arrays", path = "images.npy" }

[training]
epochs = 2
batch_size = 16
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a spec, its data and the model `runs/tiny`, as the current folder."""
    folder = tmp_path_factory.mktemp("workshop")
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), np.uint8)
    np.save(folder / "images.npy", images)
    (folder / "tiny.toml").write_text(SPEC)
    before = Path.cwd()
    os.chdir(folder)
    try:
        with pytest.raises(SystemExit) as leave:
            main(["train", "tiny.toml"])
        assert not leave.value.code
        yield folder
    finally:
        os.chdir(before)


@pytest.fixture
def work(workshop: Path, tmp_path: Path) -> Path:
    """An empty folder for outputs, with the workshop's model made."""
    return tmp_path


# --- train --------------------------------------------------------------------------------------------------


def test_train_keeps_a_model_with_its_picture_in_runs(workshop: Path) -> None:
    folder = workshop / "runs" / "tiny"
    assert {"config.json", "model.safetensors", "metrics.json", "training.json"} <= {p.name for p in folder.iterdir()}
    assert list((folder / "samples").glob("*.png"))


def test_train_says_where_the_model_and_the_picture_are(aezoo: Run, work: Path) -> None:
    result = aezoo("train", "tiny.toml", "--out", work / "m", "--epochs", "1")
    assert result.code == 0
    assert f"model: {work / 'm'}" in result.out
    assert "picture: " in result.out
    assert "steps in" in result.err


def test_train_with_json_prints_one_document(aezoo: Run, work: Path) -> None:
    result = aezoo("train", "tiny.toml", "--out", work / "m", "--seed", "7", "--set", "training.epochs=1", "--json")
    document = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert document["out"] == str(work / "m")
    assert document["record"]["seed"] == 7
    assert document["scores"]["metrics"]


def test_train_never_overwrites_without_force(aezoo: Run, work: Path) -> None:
    before = Path("runs/tiny/model.safetensors").read_bytes()
    result = aezoo("train", "tiny.toml")
    assert result.code == 7
    assert "--force" in result.err
    assert Path("runs/tiny/model.safetensors").read_bytes() == before


def test_train_takes_other_data(aezoo: Run, work: Path) -> None:
    np.save(work / "other.npy", np.zeros((20, 1, 8, 8), np.float32))
    result = aezoo("train", "tiny.toml", "--data", work / "other.npy", "--out", work / "m", "--epochs", "1", "--json")
    assert json.loads(result.out)["record"]["data"] == "other.npy"


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.full((20, 1, 8, 8), np.nan, np.float32), "NaN"),
        (np.full((20, 1, 8, 8), 3.0, np.float32), "outside"),
        (np.zeros((20, 1, 9, 8), np.float32), "1x9x8"),
        (np.zeros((20, 3, 8, 8), np.float32), "3x8x8"),
    ],
)
def test_bad_data_exit_6_before_the_first_step(aezoo: Run, work: Path, array: Any, word: str) -> None:
    np.save(work / "bad.npy", array)
    result = aezoo("train", "tiny.toml", "--data", work / "bad.npy", "--out", work / "m")
    assert result.code == 6
    assert result.out == ""
    assert word in result.err


def test_data_that_are_not_there_exit_3(aezoo: Run, work: Path) -> None:
    assert aezoo("train", "tiny.toml", "--data", work / "none.npy", "--out", work / "m").code == 3


def test_a_device_that_is_not_there_exits_2(aezoo: Run, work: Path) -> None:
    result = aezoo("train", "tiny.toml", "--device", "abacus", "--out", work / "m")
    assert result.code == 2
    assert "abacus" in result.err


def test_a_loss_that_is_not_finite_exits_6_and_names_its_term(aezoo: Run, work: Path) -> None:
    wild = 'training.optimizer={ type = "sgd", lr = 1e30 }'
    result = aezoo("train", "tiny.toml", "--set", wild, "--out", work / "m", "--epochs", "50")
    assert result.code == 6
    assert "finite" in result.err
    assert "Traceback" not in result.err


def test_ctrl_c_keeps_the_weights_and_says_how_the_run_goes_on(work: Path) -> None:
    command = ["train", "tiny.toml", "--epochs", "1000000", "--out", str(work / "m")]
    run = subprocess.Popen([sys.executable, "-m", "aezoo", *command], stderr=subprocess.PIPE, text=True)
    try:
        # The first record is written at the end of the first epoch: the loop is at work.
        while run.poll() is None and not ((work / "m" / "metrics.jsonl").exists()):
            time.sleep(0.05)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=600)
    finally:
        run.kill()
    assert run.returncode == 75, errors
    assert "interrupted" in errors.lower()
    assert "aezoo resume" in errors
    assert "Traceback" not in errors
    assert (work / "m" / "model.safetensors").exists()


# --- evaluate -----------------------------------------------------------------------------------------------


def test_evaluate_shows_the_model_beside_its_baselines(aezoo: Run, work: Path) -> None:
    result = aezoo("evaluate", "runs/tiny")
    assert result.code == 0
    assert "metric" in result.out
    assert "model" in result.out


def test_evaluate_with_json_is_what_train_measured(aezoo: Run, work: Path) -> None:
    trained = json.loads(Path("runs/tiny/metrics.json").read_text())
    scores = json.loads(aezoo("evaluate", "runs/tiny", "--json").out)
    assert scores["metrics"] == trained["metrics"]


def test_evaluate_takes_another_split(aezoo: Run, work: Path) -> None:
    assert json.loads(aezoo("evaluate", "runs/tiny", "--split", "train", "--json").out)["n"] == 48


def test_evaluate_judges_all_of_other_data(aezoo: Run, work: Path) -> None:
    assert json.loads(aezoo("evaluate", "runs/tiny", "--data", "images.npy", "--json").out)["n"] == 60


def test_evaluate_takes_metrics_that_no_spec_names(aezoo: Run, work: Path) -> None:
    plain = json.loads(aezoo("evaluate", "runs/tiny", "--json").out)["metrics"]
    asked = ("--metric", "{type = 'value_rates', most = 2}", "--metric", "{type = 'aggregate_posterior', samples = 4}")
    more = json.loads(aezoo("evaluate", "runs/tiny", *asked, "--json").out)["metrics"]
    assert {name: more[name] for name in plain} == plain
    found = [name.partition(".")[0] for name in more if name not in plain]
    assert found == ["value_rates"] * 2 + ["aggregate_posterior"] * 2


@pytest.mark.parametrize(
    ("metric", "code", "said"),
    [
        ("nope", 1, "metrics[0]: no metric is called 'nope'"),
        ("value_rates", 1, "metrics[0].most: is missing"),
        ("sparsity", 1, "metrics[0]: sparsity means nothing for this spec"),
        ("{type = ", 2, "'--metric': is no table: {type ="),
    ],
)
def test_evaluate_refuses_metrics_in_the_words_of_a_spec(
    aezoo: Run, work: Path, metric: str, code: int, said: str
) -> None:
    result = aezoo("evaluate", "runs/tiny", "--metric", metric)
    assert (result.code, said in result.err) == (code, True), result.err


# --- at work ------------------------------------------------------------------------------------------------


def test_encode_writes_one_code_for_each_test_sample(aezoo: Run, work: Path) -> None:
    result = aezoo("encode", "runs/tiny", "--out", work / "codes.npy", "--json")
    assert json.loads(result.out)["shape"] == [6, 3]
    assert np.load(work / "codes.npy").shape == (6, 3)


def test_encode_writes_any_field_of_the_code(aezoo: Run, work: Path) -> None:
    result = aezoo("encode", "runs/tiny", "--what", "logvar", "--out", work / "logvar.npy")
    assert result.code == 0
    assert "6 codes (logvar), 3 each" in result.out
    assert (np.load(work / "logvar.npy") <= 10).all()
    refused = aezoo("encode", "runs/tiny", "--what", "indices", "--out", work / "indices.npy")
    assert refused.code == 2
    assert "latent 'gaussian' provides no 'indices'" in refused.err


def test_encode_takes_a_file(aezoo: Run, work: Path) -> None:
    assert aezoo("encode", "runs/tiny", "images.npy", "--out", work / "codes.npz").code == 0
    with np.load(work / "codes.npz") as stored:
        assert stored["values"].shape == (60, 3)


def test_decoding_the_codes_is_reconstructing(aezoo: Run, work: Path) -> None:
    aezoo("encode", "runs/tiny", "images.npy", "--out", work / "codes.npy")
    aezoo("decode", "runs/tiny", work / "codes.npy", "--out", work / "decoded.npy")
    aezoo("reconstruct", "runs/tiny", "images.npy", "--out", work / "reconstructed.npy")
    # The batches may be cut differently, and a matrix product rounds by its size.
    np.testing.assert_allclose(np.load(work / "decoded.npy"), np.load(work / "reconstructed.npy"), atol=1e-6)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".png"])
def test_reconstruct_writes_what_the_suffix_names(aezoo: Run, work: Path, suffix: str) -> None:
    out = work / f"r{suffix}"
    result = aezoo("reconstruct", "runs/tiny", "--out", out)
    assert result.code == 0
    assert str(out) in result.out
    assert out.stat().st_size > 0


def test_reconstruct_into_a_folder_writes_a_picture_for_each_sample(aezoo: Run, work: Path) -> None:
    assert aezoo("reconstruct", "runs/tiny", "--out", work / "pictures").code == 0
    pictures = sorted((work / "pictures").iterdir())
    assert len(pictures) == 6
    with Image.open(pictures[0]) as picture:
        assert picture.size == (8, 8)


def photos(folder: Path, *names: bytes) -> Path:
    """A folder with an image of each of these names, of growing brightness."""
    folder.mkdir()
    for level, name in enumerate(names):
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            Image.new("L", (8, 8), 10 * level).save(file, "PNG")
    return folder


def test_samples_of_one_stem_get_a_file_each(aezoo: Run, work: Path) -> None:
    folder = photos(work / "d", b"a.png", b"a.jpg", b"A.png", b"cats/b.png", b"cats_b.png", b"c.png")
    result = aezoo("reconstruct", "runs/tiny", folder, "--out", work / "r", "--json")
    files = json.loads(result.out)["files"]
    assert len({name.lower() for name in files}) == 6 == len(list((work / "r").iterdir()))
    assert {"c.png", "a_jpg.png"} < set(files) == {path.name for path in (work / "r").iterdir()}


def test_a_folder_of_samples_is_listed_in_json(aezoo: Run, work: Path) -> None:
    result = aezoo("sample", "runs/tiny", "-n", "2", "--out", work / "s", "--json")
    assert json.loads(result.out)["files"] == ["00000.png", "00001.png"]


def test_names_that_are_no_utf8_are_spelt_out_in_every_output(aezoo: Run, work: Path) -> None:
    folder = photos(work / "d", b"caf\xe9.png", b"line\nbreak.png", "\u00e9.png".encode())
    written = ["caf\\xe9.png", "line\nbreak.png", "\u00e9.png"]
    assert aezoo("score", "runs/tiny", folder, "--out", work / "s.csv").code == 0
    table = list(csv.reader((work / "s.csv").read_text(encoding="utf-8").split("\n")))
    assert [row["name"] for row in json.loads(aezoo("score", "runs/tiny", folder, "--json").out)] == written
    with (work / "s.csv").open(encoding="utf-8", newline="") as file:
        table = [name for name, _ in csv.reader(file)]
    assert table == ["name", *written]
    lines = [line.split("\t")[0] for line in aezoo("score", "runs/tiny", folder).out.splitlines()]
    assert lines == ["caf\\xe9.png", "line\\nbreak.png", "\u00e9.png"]
    assert aezoo("reconstruct", "runs/tiny", folder, "--out", work / "r").code == 0
    assert sorted(os.listdir(work / "r")) == ["caf_xe9.png", "line_break.png", "\u00e9.png"]


def test_a_folder_whose_name_is_no_utf8_can_be_trained_on_judged_and_complained_of(aezoo: Run, work: Path) -> None:
    folder = photos(work / os.fsdecode(b"caf\xe9"), *(b"%d.png" % number for number in range(20)))
    result = aezoo("train", "tiny.toml", "--data", folder, "--out", work / "m", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["record"]["data"] == "caf\\xe9"
    assert json.loads((work / "m/config.json").read_text(encoding="utf-8"))
    assert (
        json.loads(aezoo("evaluate", work / "m", "--data", folder, "--split", "test", "--json").out)["dataset"]
        == "caf\\xe9"
    )
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"")
    for words in ((), ("--json",)):
        result = aezoo("score", work / "m", folder, *words)
        assert result.code == 6
        assert "xe9" in result.err


@pytest.mark.parametrize("ending", ["npy", "npz", "safetensors"])
def test_a_file_whose_name_is_no_utf8_is_read_and_written(aezoo: Run, work: Path, ending: str) -> None:
    first, second = (work / os.fsdecode(b"\xe9%d." % number + ending.encode()) for number in (1, 2))
    assert aezoo("encode", "runs/tiny", "images.npy", "--out", first).code == 0
    result = aezoo("decode", "runs/tiny", first, "--out", second, "--json")
    assert result.code == 0, result.err
    assert "\\xe92" in json.loads(result.out)["out"]
    assert "\\xe91" in aezoo("encode", "runs/tiny", "images.npy", "--out", first, "--force").out


def test_a_terminal_that_knows_no_accents_gets_every_name(work: Path) -> None:
    folder = photos(work / "d", b"caf\xe9.png", "\u00e9\u3042.png".encode())
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "aezoo", "score", "runs/tiny", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    (folder / "\u00e9\u3042.png").write_bytes(b"no image")
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr


def test_values_beyond_the_declared_range_are_warned_of_and_taken(aezoo: Run, work: Path) -> None:
    x = np.load("images.npy") / 255
    np.save(work / "x.npy", ((x - 0.4) / 0.2).astype(np.float32))
    for words in (("score",), ("encode", "--out", work / "c.npy"), ("reconstruct", "--out", work / "r.npy")):
        result = aezoo(words[0], "runs/tiny", work / "x.npy", *words[1:])
        assert result.code == 0
        (line,) = result.err.splitlines()
        assert line.startswith("warning: ")
        assert "values are outside of [0, 1]" in line
        assert "from -2 to 3" in line


def test_the_same_seed_draws_the_same_samples(aezoo: Run, work: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert aezoo("sample", "runs/tiny", "-n", "5", "--seed", seed, "--out", work / f"{name}.npy").code == 0
    a, b, c = (np.load(work / f"{name}.npy") for name in "abc")
    assert a.shape == (5, 1, 8, 8)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_sample_draws_a_picture(aezoo: Run, work: Path) -> None:
    assert aezoo("sample", "runs/tiny", "--out", work / "s.png").code == 0
    with Image.open(work / "s.png") as picture:
        assert picture.width > 16


def test_score_prints_a_name_and_a_score_for_each_sample(aezoo: Run, work: Path) -> None:
    lines = aezoo("score", "runs/tiny", "images.npy").out.splitlines()
    assert len(lines) == 60
    name, score = lines[0].split("\t")
    assert (name, float(score) > 0) == ("sample 0", True)


def test_score_is_the_same_in_lines_json_and_csv(aezoo: Run, work: Path) -> None:
    lines = [line.split("\t") for line in aezoo("score", "runs/tiny").out.splitlines()]
    rows = json.loads(aezoo("score", "runs/tiny", "--json", "--out", work / "s.csv").out)
    table = list(csv.reader((work / "s.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [name for name, _ in lines] == [name for name, _ in table[1:]]
    assert [row["score"] for row in rows] == [float(score) for _, score in table[1:]]
    assert [f"{row['score']:.6g}" for row in rows] == [score for _, score in lines]


def test_show_takes_a_model_and_imports_no_torch(work: Path) -> None:
    code = "import sys; from aezoo.cli import main\ntry: main(['show', 'runs/tiny'])\nexcept SystemExit as e: pass\n"
    code += "assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.partition("\n")[0]) == (0, "tiny"), done.stderr


def test_a_trained_model_takes_no_set(aezoo: Run, work: Path) -> None:
    assert aezoo("show", "runs/tiny", "--set", "latent.dim=2").code == 2


# --- settings of data ---------------------------------------------------------------------------------------

READERS = [("evaluate", "--data"), ("score",), ("encode", "--out", "c.npy"), ("reconstruct", "--out", "r.npy")]


@pytest.fixture
def several(work: Path, monkeypatch: pytest.MonkeyPatch, workshop: Path) -> Path:
    """A file of several arrays, two of which are samples of the workshop's model; beside its working folder."""
    images = np.random.default_rng(1).integers(0, 256, (70, 1, 8, 8), np.uint8)
    np.savez(work / "several.npz", x_train=images[:50], y=np.zeros(50, np.int64), x_test=images[50:])
    return work / "several.npz"


def test_the_hint_about_the_arrays_of_a_file_works_as_it_is_typed(aezoo: Run, work: Path, several: Path) -> None:
    command = ["train", "tiny.toml", "--data", several, "--out", work / "m", "--epochs", "1"]
    refused = aezoo(*command)
    assert (refused.code, "hint: name one of them: --set data.key=x_train (" in refused.err) == (6, True)
    assert aezoo(*command, "--set", "data.key=x_train", "--set", "data.test=0").code == 0
    data = json.loads((work / "m/config.json").read_text())["spec"]["data"]
    assert (data["key"], data["test"], data["path"]) == ("x_train", 0, "several.npz")


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_every_verb_takes_settings_of_the_data_it_is_given(
    aezoo: Run, work: Path, several: Path, words: tuple[str, ...]
) -> None:
    verb, *more = (work / word if word.endswith(".npy") else word for word in words)
    command = [verb, "runs/tiny", *(more if verb == "evaluate" else ()), several, *(() if verb == "evaluate" else more)]
    assert "--set data.key=x_train" in aezoo(*command).err
    result = aezoo(*command, "--set", "data.key=x_test", "--json")
    assert result.code == 0, result.err
    count = {"evaluate": lambda told: told["n"], "score": len}.get(verb, lambda told: told["shape"][0])
    assert count(json.loads(result.out)) == 20


def test_decode_takes_the_name_of_an_array_of_codes(aezoo: Run, work: Path) -> None:
    np.savez(work / "codes.npz", codes=np.zeros((3, 3), np.float32), labels=np.zeros(3))
    command = ["decode", "runs/tiny", work / "codes.npz", "--out", work / "d.npy"]
    assert "--set data.key=codes" in aezoo(*command).err
    assert aezoo(*command, "--set", "data.key=codes").code == 0


def test_images_of_another_size_are_resized_as_the_hint_says(aezoo: Run, work: Path) -> None:
    from PIL import Image

    (work / "photos").mkdir()
    for number in range(10):
        Image.new("L", (9, 7), number).save(work / f"photos/{number}.png")
    command = ["score", "runs/tiny", work / "photos"]
    assert "--set data.resize=fit (or crop)" in aezoo(*command).err
    for how in ("fit", "crop"):
        assert len(json.loads(aezoo(*command, "--set", f"data.resize={how}", "--json").out)) == 10


def test_settings_hold_for_the_models_own_data_where_no_others_are_named(aezoo: Run, work: Path) -> None:
    assert json.loads(aezoo("evaluate", "runs/tiny", "--set", "data.limit=20", "--json").out)["n"] == 2


@pytest.mark.parametrize(
    ("setting", "code", "message"),
    [
        ("data.kye=x", 1, "--set data.kye=x: error[AZ203]: data.kye: unknown key"),
        ("data.key=q", 6, "holds no array 'q'; it holds: x_train, y, x_test"),
        ("data.path=q.npz", 2, "--set names other data: data.path=q.npz"),
        ("data=digits", 2, "--set names other data: data=digits"),
        ("data.type=unheard", 1, "no dataset is called 'unheard'"),
        ("latent.dim=3", 2, "takes data.KEY=VALUE (data.key=x_train) alone, got 'latent.dim=3'"),
        ("data.test=0.5", 2, "keeps the shares of its data"),
    ],
)
def test_a_setting_that_cannot_hold_is_refused(
    aezoo: Run, several: Path, setting: str, code: int, message: str
) -> None:
    result = aezoo("score", "runs/tiny", several, "--set", setting)
    assert result.code == code
    assert message in result.err


def test_what_is_said_of_other_data_is_not_said_of_those_that_are_named(aezoo: Run, work: Path, several: Path) -> None:
    own = (
        Path("tiny.toml").read_text().replace("aezoo = 1", 'aezoo = 1\ndescription = "D"\nlicense = "mit"\npaper = "P"')
    )
    (work / "own.toml").write_text(own)
    command = ["train", work / "own.toml", "--epochs", "1"]
    named = ["--data", several, "--set", "data.key=x_train"]
    for out, words, expected in (
        ("a", [], ["D", "mit", "P"]),
        ("b", named, ["", "", ""]),
        ("c", [*named, "--set", "license=cc0-1.0"], ["", "cc0-1.0", ""]),
        ("d", ["--set", f"data.path={several}", "--set", "data.key=x_train", "--set", "paper=Q"], ["", "", "Q"]),
    ):
        assert aezoo(*command, "--out", work / out, *words).code == 0
        spec = json.loads((work / out / "config.json").read_text())["spec"]
        assert [spec[key] for key in ("description", "license", "paper")] == expected, out
        assert ('license: "mit"' in (work / out / "README.md").read_text()) is (out == "a")


# --- bad input ----------------------------------------------------------------------------------------------

WRITERS = [("encode",), ("reconstruct",), ("sample",), ("score",)]


@pytest.mark.parametrize("words", WRITERS)
def test_an_output_that_exists_is_refused_without_force(aezoo: Run, work: Path, words: tuple[str, ...]) -> None:
    out = work / ("s.csv" if words == ("score",) else "a.npy")
    out.write_text("precious")
    assert aezoo(*words, "runs/tiny", "--out", out).code == 7
    assert out.read_text() == "precious"
    assert aezoo(*words, "runs/tiny", "--out", out, "--force").code == 0
    assert out.read_bytes() != b"precious"


@pytest.mark.parametrize("words", WRITERS)
def test_an_unknown_suffix_is_a_usage_error(aezoo: Run, work: Path, words: tuple[str, ...]) -> None:
    result = aezoo(*words, "runs/tiny", "--out", work / "a.jpeg")
    assert result.code == 2
    assert "ends in" in result.err


@pytest.mark.parametrize("command", ["evaluate", "encode", "reconstruct", "sample", "score", "show"])
def test_a_model_that_is_not_there_exits_3(aezoo: Run, work: Path, command: str) -> None:
    extra = () if command in ("evaluate", "show", "score") else ("--out", work / "a.npy")
    result = aezoo(command, work / "nowhere", *extra)
    assert result.code == 3
    assert result.err.startswith("error: ")


def test_a_folder_that_is_no_model_is_not_found(aezoo: Run, work: Path) -> None:
    assert aezoo("evaluate", work).code == 3


@pytest.mark.parametrize("command", ["encode", "reconstruct", "score"])
def test_an_input_that_is_not_there_exits_3(aezoo: Run, work: Path, command: str) -> None:
    extra = () if command == "score" else ("--out", work / "a.npy")
    assert aezoo(command, "runs/tiny", work / "none.npy", *extra).code == 3
    assert not (work / "a.npy").exists()


def test_codes_of_another_width_are_refused(aezoo: Run, work: Path) -> None:
    np.save(work / "codes.npy", np.zeros((2, 5), np.float32))
    result = aezoo("decode", "runs/tiny", work / "codes.npy", "--out", work / "a.npy")
    assert result.code == 6
    assert "5" in result.err


def test_codes_in_a_file_that_nothing_reads_are_a_usage_error(aezoo: Run, work: Path) -> None:
    (work / "codes.doc").write_text("1 2 3")
    assert aezoo("decode", "runs/tiny", work / "codes.doc", "--out", work / "a.npy").code == 2


def test_an_output_in_a_folder_that_is_not_there_exits_3(aezoo: Run, work: Path) -> None:
    assert aezoo("sample", "runs/tiny", "--out", work / "no" / "a.npy").code == 3


def test_forty_columns_cut_the_table_and_nothing_else(process: Run, work: Path) -> None:
    result = process("evaluate", "runs/tiny", columns=40)
    assert result.code == 0
