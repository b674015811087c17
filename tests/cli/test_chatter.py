"""What a plugin prints, at whatever level, does not stand among the results of a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_components import install

Run = Callable[..., Any]

SOURCE = '''\
"""Parts that talk wherever they can."""

import atexit
import ctypes
import logging
import os
import subprocess
import sys
import warnings
from typing import Literal

import click

from aezoo.plugin import LayerSpec, MetricSpec, hookimpl


def talk(where):
    print("CHATTER print", where)
    sys.stdout.write("CHATTER write\\n")
    os.write(1, b"CHATTER os.write\\n")
    if os.name == "posix":
        libc = ctypes.CDLL(None)
        libc.puts(b"CHATTER puts")
        libc.fflush(None)
    subprocess.run([sys.executable, "-S", "-c", "print('CHATTER child')"], check=True)
    click.echo("CHATTER echo")
    logging.warning("CHATTER logging")
    logging.StreamHandler(sys.stdout).emit(logging.makeLogRecord({"msg": "CHATTER handler"}))
    warnings.warn("CHATTER warning", stacklevel=2)


talk("import")
atexit.register(talk, "exit")


class TalkingSpec(LayerSpec):
    """Talks."""

    type: Literal["talking"] = "talking"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [self]

    def remarks(self, spec):
        talk("remarks")
        yield from ()

    def build(self, shape):
        from torch import nn

        class Talking(nn.Module):
            def forward(self, x):
                if not self.training and x.device.type != "meta":
                    talk("forward")
                return x

        talk("build")
        return Talking()


@hookimpl
def aezoo_components():
    talk("hook")
    return [TalkingSpec]
'''
SPEC = """\
name = "talking"
input = [4]
encoder = [{ type = "talker:talking" }]
latent = { type = "deterministic", dim = 2 }
data = { type = "arrays", path = "x.npy" }
training = { epochs = 1, batch_size = 64 }
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the plugin and a spec of it, in which commands run."""
    install(tmp_path, name="talker", version="0.1", module="aezoo_talker", text=SOURCE)
    (tmp_path / "talking.toml").write_text(SPEC)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("check", "talking.toml", "--json"),
        ("check", "talking.toml", "--format", "json"),
        ("show", "talking.toml", "--json"),
        ("render", "talking.toml", "--json"),
        ("render", "talking.toml", "--to", "json", "--explain"),
        ("components", "--json"),
        ("schema",),
        ("plugins", "list", "--load", "--json"),
        ("plugins", "info", "talker", "--json"),
    ],
)
def test_stdout_is_one_json_document(process: Run, site: Path, words: tuple[str, ...]) -> None:
    done = process(*words)
    assert done.code == 0, done.err
    assert json.loads(done.out)
    assert "CHATTER" not in done.out
    if words[0] != "plugins":  # there, another process imports it
        assert "CHATTER puts" in done.err
        assert "CHATTER child" in done.err


def test_what_is_trained_and_scored_is_told_alone(process: Run, site: Path) -> None:
    trained = process("train", "talking.toml", "--out", "out", "--device", "cpu", "--json")
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)
    scored = process("score", "out", "x.npy", "--device", "cpu")
    assert scored.code == 0, scored.err
    assert len(scored.out.splitlines()) == 60
    assert "CHATTER" not in scored.out
    rendered = process("render", "talking.toml")
    assert rendered.out.startswith("aezoo = 1")
    assert "CHATTER" not in rendered.out


def test_a_reader_who_leaves_is_no_fault(site: Path) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m aezoo components --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].lstrip("[") in ("141", "0")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
