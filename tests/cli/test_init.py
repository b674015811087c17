"""`aezoo init`: a starter for any mixture of families and any shape of samples, which reads and trains."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aezoo as zoo
from aezoo.cli import init
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import check, read
from aezoo.reading.text import parse
from aezoo.spec.document import Spec
from tests.registries import registry_with

Run = Callable[..., Any]
FAMILIES = ("vanilla", "denoising", "variational", "convolutional", "sparse", "contractive", "vdc")
MIXTURES = [mixture for size in range(8) for mixture in itertools.combinations(FAMILIES, size)]
SHAPES = [(784,), (1, 28, 28), (3, 64, 64), (1, 64), (1, 16, 16, 16)]
#: Too small to halve, very long, no pictures, large.
ODD = [(2,), (6,), (1, 2), (2, 5), (1, 5000), (2, 1, 1), (3, 30, 30), (4, 3, 9), (3, 512, 512), (2, 1, 2, 7)]


def starter(families: Sequence[str], shape: tuple[int, ...]) -> str:
    return init.starter("mine", families, shape, file="mine.toml")


def spec_of(text: str) -> Spec:
    """The spec in a text, which has to be free of faults and lints."""
    spec, lints = check(parse(text.encode(), "mine.toml"))
    assert lints == [], text
    return spec


# --- the text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [*SHAPES, *ODD], ids=str)
def test_a_starter_of_any_mixture_reads_without_a_lint_wherever_its_convolutions_fit(shape: tuple[int, ...]) -> None:
    fits = len(shape) > 1 and min(shape[1:]) >= 4
    for mixture in MIXTURES if shape in SHAPES else MIXTURES[:: len(FAMILIES)]:
        if fits or not {"convolutional", "vdc"} & {*mixture}:
            spec = spec_of(starter(mixture, shape))
            assert (spec.name, spec.input.shape) == ("mine", shape)


@pytest.mark.parametrize("family", init.BASES)
def test_a_family_alone_is_its_bundled_spec_with_a_likelihood_and_metadata_of_its_own(family: str) -> None:
    spec, base = spec_of(starter([family], (1, 28, 28))), read(init.BASES[family])
    for slot in ("input", "corruption", "encoder", "decoder", "regularizers", "constraints", "data", "training"):
        assert getattr(spec, slot) == getattr(base, slot), slot
    assert init.BASES[family] in bundled_specs()


@pytest.mark.parametrize("mixture", MIXTURES, ids=", ".join)
def test_every_family_that_was_asked_for_is_in_it(mixture: tuple[str, ...]) -> None:
    spec = spec_of(starter(mixture, (1, 28, 28)))
    layers = {layer.tag() for layer in spec.encoder}
    assert ("denoising" in mixture) == bool(spec.corruption)
    assert bool({"variational", "vdc"} & {*mixture}) == ("kl" in spec.regularizers)
    assert bool({"convolutional", "vdc"} & {*mixture}) == ("conv" in layers)
    assert ("vdc" in mixture) == ("residual" in layers)
    assert ("sparse" in mixture) == ("sparsity" in spec.regularizers)
    assert ("contractive" in mixture) == ("contraction" in spec.regularizers)


@pytest.mark.parametrize("mixture", [(), ("vdc",), ("contractive",), ("denoising", "sparse", "contractive")], ids=str)
def test_a_starter_of_digits_trains_at_once(mixture: tuple[str, ...]) -> None:
    short = ["training.steps=1", "data.limit=300"]
    run = zoo.train(read(tomllib.loads(starter(mixture, (1, 28, 28))), overrides=short), device="cpu")
    assert run.record["steps"] == 1


@pytest.mark.parametrize(
    ("shape", "mixture"),
    [
        ((12,), ()),
        ((12,), ("sparse", "variational")),
        ((2, 16), ("vdc", "contractive")),
        ((3, 16, 16), ("convolutional", "variational", "denoising")),
        ((1, 4, 8, 8), ("convolutional", "sparse")),
        ((1, 4, 4), ("vdc", "sparse")),
    ],
    ids=str,
)
def test_a_starter_of_other_samples_trains_once_it_has_some(
    shape: tuple[int, ...], mixture: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "samples.npy"
    np.save(path, np.random.default_rng(0).random((200, *shape), dtype=np.float32))
    spec = read(tomllib.loads(starter(mixture, shape)), overrides=["training.epochs=1"])
    assert spec.data is None
    assert zoo.train(spec, path, device="cpu").record["ended"]


@pytest.mark.parametrize(
    ("shape", "dataset"),
    [((5,), "table"), ((3, 32, 32), "images"), ((2, 9, 9), "arrays"), ((1, 8), "arrays"), ((1, 4, 4, 4), "arrays")],
)
def test_the_comment_on_data_shows_a_line_that_reads(shape: tuple[int, ...], dataset: str) -> None:
    text = starter([], shape)
    (line,) = [line for line in text.splitlines() if line.startswith("# data = ")]
    uncommented = spec_of(text.replace(line, line.removeprefix("# ")))
    assert uncommented.data is not None
    assert uncommented.data.tag() == dataset


def test_the_comment_on_scales_shows_an_input_that_reads() -> None:
    text = starter([], (5,))
    (line,) = [line for line in text.splitlines() if "standardize" in line]
    value = tomllib.loads(line[line.index("input = ") :])["input"]
    assert read({**tomllib.loads(text), "input": value}).input.normalize == "standardize"


def test_a_variant_says_less_than_the_file_and_is_named_in_it() -> None:
    text = starter(["denoising", "variational", "contractive", "convolutional"], (3, 32, 32))
    assert tomllib.loads(text)["variants"] == ["denoising", "variational", "contractive"]
    spec = spec_of(text)
    assert (spec.latent.tag(), spec.likelihood.tag()) == ("gaussian", "gaussian")
    assert "# The code, `dim` values wide; a variant says of which type.\nlatent = { dim = 32 }\n" in text
    assert spec.decoder.tied is False
    assert "bound" in spec.constraints


def test_the_schema_is_named_in_the_first_line() -> None:
    first, *others = starter([], (5,)).splitlines()
    assert first == "#:schema ./aezoo.schema.json"
    assert any("aezoo schema" in line and "--out aezoo.schema.json" in line for line in others)


# --- the command --------------------------------------------------------------------------------------------


def test_it_writes_a_commented_file_that_passes_check(
    aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = aezoo("init", "mine", "--variant", "denoising", "--variant", "variational")
    assert result == (0, "mine.toml\n", "")
    text = (tmp_path / "mine.toml").read_text()
    assert "aezoo train mine.toml (into runs/mine)" in text
    assert aezoo("check", "--strict", "mine.toml").out.startswith("ok: mine (arch ")


@pytest.mark.parametrize("name", ["mine", "mine.toml", "folder/mine.toml", "folder/mine"])
def test_a_name_may_be_that_of_the_file(aezoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    path = aezoo("init", name).out.strip()
    assert path == f"{name.removesuffix('.toml')}.toml"
    assert read(path).name == "mine"


def test_it_writes_to_stdout_when_asked(aezoo: Run) -> None:
    result = aezoo("init", "mine", "--input", "3x32x32", "--variant", "vdc", "--out", "-")
    assert tomllib.loads(result.out)["input"] == [3, 32, 32]
    document = json.loads(aezoo("init", "mine", "--out", "-", "--json").out)
    assert document["arch"] == spec_of(document["text"]).arch


def test_it_never_overwrites_without_force(aezoo: Run, tmp_path: Path) -> None:
    out = tmp_path / "a.toml"
    out.write_text("precious")
    assert aezoo("init", "--out", out).code == 7
    assert out.read_text() == "precious"
    assert aezoo("init", "--out", out, "--force").code == 0
    assert out.read_text() != "precious"


@pytest.mark.parametrize("shape", ["", "0", "1x-2", "axb", "1x2x3x4x5", "9" * 30])
def test_what_is_no_shape_is_refused(aezoo: Run, shape: str) -> None:
    result = aezoo("init", "--input", shape, "--out", "-")
    assert (result.code, result.out) == (2, "")
    assert "takes one to four sides" in result.err


@pytest.mark.parametrize("name", ['a"b', "a\nb", "..", "x" * 101, ""])
def test_what_is_no_name_is_refused(aezoo: Run, name: str) -> None:
    result = aezoo("init", name, "--out", "-")
    assert (result.code, result.out) == (2, "")
    assert "is no name of a model" in result.err


@pytest.mark.parametrize("shape", ["1", "1x1x1"])
def test_a_sample_of_one_value_has_nothing_to_code(aezoo: Run, shape: str) -> None:
    result = aezoo("init", "--input", shape, "--out", "-")
    assert (result.code, result.out) == (2, "")
    assert "one value cannot be coded in fewer" in result.err


def test_samples_that_convolutions_do_not_take_are_refused_with_the_layer(aezoo: Run) -> None:
    for shape, why in (("784", "takes signals [C, L]"), ("1x2x7", "does not fit 1x3 pixels")):
        result = aezoo("init", "--input", shape, "--variant", "convolutional", "--out", "-")
        assert (result.code, result.out) == (2, "")
        assert f"--input {shape} with convolutional: encoder[" in result.err
        assert why in result.err


def test_samples_too_large_for_a_dense_layer_are_told_of_convolutions(aezoo: Run) -> None:
    result = aezoo("init", "--input", "3x1024x1024", "--out", "-")
    assert result.code == 2
    assert "--variant convolutional" in result.err
    assert aezoo("init", "--input", "3x1024x1024", "--variant", "convolutional", "--out", "-").code == 0


def test_a_folder_that_is_not_there_is_refused(aezoo: Run, tmp_path: Path) -> None:
    assert aezoo("init", "--out", tmp_path / "none" / "a.toml").code == 3


def test_a_path_in_the_comments_stays_on_its_line(aezoo: Run, tmp_path: Path) -> None:
    out = tmp_path / "a b\nc = 1.toml"
    assert aezoo("init", "mine", "--out", out).code == 0
    assert read(out).name == "mine"


# --- variants of plugins ------------------------------------------------------------------------------------

BOUNDED = {"latent": {"type": "deterministic", "activation": "tanh"}, "corruption": [{"type": "mask", "p": 0.3}]}


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin `more` with one variant, installed."""
    registry = registry_with(variants={"bounded": BOUNDED}, namespace="more")
    for place in ("aezoo.registry.loader.default_registry", "aezoo.reading.reader.default_registry"):
        monkeypatch.setattr(place, lambda: registry)


@pytest.mark.usefixtures("plugged")
def test_a_variant_of_a_plugin_fills_its_slots(aezoo: Run, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    assert aezoo("init", "mine", "--variant", "convolutional", "--variant", "more:bounded", "--out", out).code == 0
    assert 'variants = ["more:bounded"]' in out.read_text()
    spec = read(out)
    assert (spec.latent.tag(), spec.latent.dim, spec.latent.activation) == ("deterministic", 32, "tanh")
    assert [part.tag() for part in spec.corruption] == ["mask"]
    assert [layer.tag() for layer in spec.encoder] == ["conv", "conv"]


@pytest.mark.usefixtures("plugged")
def test_a_variant_that_its_plugin_lacks_is_answered_with_the_nearest(aezoo: Run) -> None:
    result = aezoo("init", "--variant", "more:bound", "--out", "-")
    assert (result.code, result.out) == (3, "")
    assert "did you mean 'more:bounded'?" in result.err


def test_a_plugin_that_is_not_there_exits_4(aezoo: Run) -> None:
    assert aezoo("init", "--variant", "nowhere:odd", "--out", "-").code == 4


def test_a_family_that_is_not_there_is_answered_with_the_nearest(aezoo: Run) -> None:
    result = aezoo("init", "--variant", "denoisin", "--out", "-")
    assert result.code == 3
    assert "did you mean 'denoising'?" in result.err


def test_the_slots_that_variants_may_fill_whole_are_slots() -> None:
    assert {*Spec.model_fields} >= init.WHOLE


# --- what its comments say ----------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[int, ...]], None]:
    """Makes what the comments name, in the working folder: images of another size, an array, a table."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZOO_PROGRESS", "0")

    def make(shape: tuple[int, ...]) -> None:
        values = np.random.default_rng(0).random((20, *shape), np.float32)
        np.save("samples.npy", values)
        Path("photos").mkdir()
        for number in range(20):
            Image.new("RGBA", (9, 12), (number, 99, 3 * number, 255)).save(f"photos/{number}.png")
        rows = [",".join(f"{value}" for value in row) for row in values.reshape(20, -1)[:, : shape[0]].tolist()]
        Path("samples.csv").write_text("\n".join([",".join(f"c{column}" for column in range(shape[0])), *rows]))

    return make


@pytest.mark.parametrize(
    ("shape", "families"),
    [
        ("1x16x16", ["variational", "denoising"]),
        ("3x16x16", ["vdc"]),
        ("4x16x16", []),
        ("2x16x16", []),
        ("1x64", ["denoising"]),
        ("1x8x8x8", ["convolutional"]),
        ("6", ["contractive"]),
        ("12", ["sparse", "variational"]),
    ],
)
def test_what_the_comments_say_works_as_it_is_typed(
    aezoo: Run, files: Callable[..., None], shape: str, families: list[str]
) -> None:
    files(tuple(int(side) for side in shape.split("x")))
    assert (
        aezoo("init", "mine", "--input", shape, *(word for name in families for word in ("--variant", name))).code == 0
    )
    text = Path("mine.toml").read_text()
    (typed,) = [line.removeprefix("#").split() for line in text.splitlines() if line.startswith("#   aezoo train")]
    (data,) = [line.partition(" = ")[2] for line in text.splitlines() if line.startswith("# data = ")]
    for words in (typed[1:], ["train", "mine.toml", "--set", f"data={data}"]):
        result = aezoo(*words, "--set", "training.steps=1", "--out", "m", "--force")
        assert result.code == 0, result.err


@pytest.mark.parametrize("shape", ["1x64", "6", "1x8x8x8"])
def test_values_are_brought_to_one_scale_as_its_comment_says(
    aezoo: Run, files: Callable[..., None], shape: str
) -> None:
    files(tuple(int(side) for side in shape.split("x")))
    assert aezoo("init", "mine", "--input", shape, "--variant", "variational").code == 0
    (line,) = [line for line in Path("mine.toml").read_text().splitlines() if "normalize" in line]
    value = line.partition("input = ")[2]
    assert aezoo("check", "mine.toml", "--set", f"input={value}").code == 0


def test_the_schema_is_written_where_the_first_lines_look_for_it(aezoo: Run, files: Callable[..., None]) -> None:
    files((6,))
    assert aezoo("init", "mine", "--input", "6").code == 0
    first, *lines = Path("mine.toml").read_text().splitlines()
    command = next(line for line in lines if line.startswith("#   aezoo schema"))
    assert aezoo(*command.split()[2:]).code == 0
    assert Path(first.partition(" ")[2]).is_file()
