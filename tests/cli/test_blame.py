"""Whose fault it is: what a plugin's part does wrong is reported as the plugin's, with part, method, file and line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aezoo.registry.loader import default_registry
from tests.cli.test_components import install

Run = Callable[..., Any]

SOURCE = '''\
"""Parts that go wrong, each in a way of its own."""

from typing import Any, Literal

from aezoo.plugin import LayerSpec, RegularizerSpec, Remark, dense, hookimpl


class Same(LayerSpec):
    """What is right."""

    type: Literal["same"] = "same"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [self]

    def build(self, shape):
        from torch import nn

        return nn.Identity()


class NoMirrorAtAll(Same):
    type: Literal["none_mirror"] = "none_mirror"

    def mirror(self, shape, *, target, style):
        return None


class Remarking(Same):
    type: Literal["remarking"] = "remarking"

    def remarks(self, spec):
        yield Remark({}["key"])


class Mute(Same):
    type: Literal["mute"] = "mute"

    def remarks(self, spec):
        return None


class Shapeless(Same):
    type: Literal["shapeless"] = "shapeless"

    def output_shape(self, shape):
        return shape[7]


class Listing(Same):
    type: Literal["listing"] = "listing"

    def output_shape(self, shape):
        return [*shape]


class Counting(Same):
    type: Literal["counting"] = "counting"

    def parameters(self, shape):
        return 1 // 0


class Floating(Same):
    type: Literal["floating"] = "floating"

    def parameters(self, shape):
        return 0.0


class Light(Same):
    type: Literal["light"] = "light"

    def parameters(self, shape):
        return 3

    def build(self, shape):
        from torch import nn

        return nn.PReLU(4)


class Twice(Same):
    type: Literal["twice"] = "twice"

    def output_shape(self, shape):
        return (2 * shape[0],)

    def mirror(self, shape, *, target, style):
        return dense(target, style)


class Grown(Same):
    type: Literal["grown"] = "grown"

    def build(self, shape):
        from torch import nn

        return nn.ConstantPad1d((0, 1), 0.0)


class Unbuilt(LayerSpec):
    type: Literal["unbuilt"] = "unbuilt"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [Same()]


class Narrow(Same):
    type: Literal["narrow"] = "narrow"

    def parameters(self, shape):
        return 42

    def build(self, shape):
        from torch import nn

        return nn.Linear(6, 6)


class Curious(RegularizerSpec):
    type: Literal["curious"] = "curious"

    def build(self, shape):
        from torch import nn

        class Look(nn.Module):
            def forward(self, out):
                return out.code.gone.sum()

        return Look()


@hookimpl
def aezoo_components():
    return [item for item in globals().values() if isinstance(item, type) and item.__module__ == __name__]
'''
SPEC = """\
name = "faulty"
input = [4]
{encoder}
latent = {{ type = "deterministic", dim = 2 }}
data = {{ type = "gaussian", n = 60, eigenvalues = [4.0, 3.0, 1.0, 0.5] }}
training = {{ epochs = 1 }}
{more}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its file."""
    install(tmp_path, name="faulty", version="0.2", module="aezoo_faulty", text=SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AEZOO_PROGRESS", "0")
    default_registry.cache_clear()
    yield tmp_path / "aezoo_faulty.py"
    default_registry.cache_clear()
    sys.modules.pop("aezoo_faulty", None)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., Path]:
    """Writes a spec with layers in front of an encoder."""

    def write(*layers: str, of: str = "faulty:", more: str = "") -> Path:
        listed = ", ".join(f'{{ type = "{of}{layer}" }}' for layer in layers)
        path = tmp_path / "faulty.toml"
        path.write_text(
            SPEC.format(
                encoder=f'encoder = [{listed}, {{ type = "linear", features = 4 }}]' if layers else "", more=more
            )
        )
        return path

    return write


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(SOURCE.splitlines(), 1) if text in line)


READING = {
    "none_mirror": ("NoMirrorAtAll.mirror", line_of("return None") - 1, "gives None, not a list of layers"),
    "remarking": ("Remarking.remarks", line_of('{}["key"]'), "raised KeyError: 'key'"),
    "mute": ("Mute.remarks", None, "gives None, not remarks"),
    "shapeless": ("Shapeless.output_shape", line_of("shape[7]"), "raised IndexError: tuple index out of range"),
    "listing": ("Listing.output_shape", None, "gives [4], not a tuple of whole numbers"),
    "counting": ("Counting.parameters", line_of("1 // 0"), "raised ZeroDivisionError: "),
    "floating": ("Floating.parameters", None, "gives 0.0, not a whole number"),
}
TRAINING = {
    "light": ("Light.parameters", None, "declares 3, the module of encoder.0 has 4"),
    "twice": ("Twice.output_shape", None, "declares 8, the module of encoder.0 gives 4"),
    "unbuilt": ("Unbuilt.build", line_of("class Unbuilt"), "raised NotImplementedError"),
    "narrow": ("Linear.forward", line_of("class Narrow"), "raised RuntimeError: "),
}


@pytest.mark.parametrize(
    ("command", "layer", "method", "line", "cause"),
    [("check", layer, *rest) for layer, rest in READING.items()]
    + [("train", layer, *rest) for layer, rest in TRAINING.items()],
)
def test_the_fault_of_a_plugins_part_names_plugin_part_method_and_place(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path, command: str, layer: str, method: str, line: Any, cause: str
) -> None:
    words = () if command == "check" else ("--out", tmp_path / "out", "--device", "cpu")
    done = aezoo(command, spec(layer), *words)
    assert done.code == 4, done.err
    first_line = done.err.splitlines()[0]
    assert "Traceback" not in done.err
    assert re.search(r"plugin 'faulty' \(aezoo_faulty 0\.2\): layer faulty:\w+: ", first_line), first_line
    assert f": {method} at {plugin}:{line or ''}" in first_line
    assert cause in first_line
    assert "`aezoo plugins check faulty`" in done.err


def test_a_penalty_that_reads_what_the_code_has_not_is_told_with_its_line(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path
) -> None:
    path = spec(more='[regularizers.look]\ntype = "faulty:curious"')
    done = aezoo("train", path, "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 4, done.err
    assert "plugin 'faulty' (aezoo_faulty 0.2): regularizer faulty:curious: Curious.build.<locals>.Look.forward at" in (
        done.err
    )
    assert f"{plugin}:{line_of('code.gone')} raised AttributeError" in done.err


def test_a_layer_within_one_of_the_box_is_held_to_its_word_too(
    aezoo: Run, plugin: Path, spec: Any, tmp_path: Path
) -> None:
    body = '{ type = "residual", body = [{ type = "faulty:grown" }] }'
    done = aezoo("train", spec(more=f"encoder = [{body}]"), "--out", tmp_path / "out", "--device", "cpu")
    assert done.code == 4, done.err
    assert "layer faulty:grown: Grown.output_shape at" in done.err
    assert "declares 4, the module of encoder.0.body.0 gives 5" in done.err


def test_debug_shows_the_traceback_of_a_plugin(aezoo: Run, plugin: Path, spec: Any) -> None:
    done = aezoo("check", spec("remarking"), "--debug")
    assert done.code == 4, done.err
    assert "Traceback" in done.err
    assert "faulty.toml: error: plugin 'faulty'" in done.err.splitlines()[-2]


def test_a_fault_of_the_box_stays_internal(aezoo: Run, spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(default_registry().get("layer", "flatten"), "output_shape", fail)
    done = aezoo("check", spec("flatten", of=""))
    assert (done.code, done.err.splitlines()[0]) == (70, "error: internal error: KeyError: 'ours'")
