"""Options and commands that are not there: what is suggested exists, and works as it is typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        (("--lr", "0.01"), "training.optimizer.lr=0.01"),
        (("--lr=0.01",), "training.optimizer.lr=0.01"),
        (("--learning-rate", "0.01"), "training.optimizer.lr=0.01"),
        (("--optimizer-lr", "0.01"), "training.optimizer.lr=0.01"),
        (("--batch-size", "8"), "training.batch_size=8"),
        (("--batch_size", "8"), "training.batch_size=8"),
        (("--weight-decay", "0.1"), "training.optimizer.weight_decay=0.1"),
        (("--optimizer", "adamw"), "training.optimizer=adamw"),
        (("--latent-dim", "1"), "latent.dim=1"),
        (("--dim", "1"), "latent.dim=1"),
        (("--patience", "9"), "training.patience=9"),
        (("--precision", "float64"), "training.precision=float64"),
        (("--normalize", "standardize"), "input.normalize=standardize"),
        (("--license", "mit"), "license=mit"),
        (("--description", "of two words"), "description=of two words"),
    ],
)
@pytest.mark.parametrize("command", ["check", "render", "train"])
def test_an_option_that_is_a_value_of_the_spec_is_answered_with_it(
    aezoo: Run, vectors: Path, command: str, words: tuple[str, ...], setting: str
) -> None:
    result = aezoo(command, vectors, *words)
    hint = result.err.splitlines()[-1]
    assert (result.code, hint) == (2, f"hint: `--set {shlex.quote(setting)}` does that")
    if command == "render":
        assert aezoo("render", vectors, "--set", setting).code == 0


def test_a_verb_that_takes_settings_of_data_is_answered_with_these_alone(aezoo: Run) -> None:
    for verb in ("evaluate", "encode", "score", "reconstruct"):
        assert "`--set data.key=x` does that" in aezoo(verb, "m", "--key", "x").err
        assert "`--set data.resize=fit` does that" in aezoo(verb, "m", "--resize=fit").err
        assert f"hint: `aezoo {verb} --help`" in aezoo(verb, "m", "--patience", "3").err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("train", "x", "--resume", "y"), "`aezoo train --help` says what it takes"),
        (("train", "x", "--tensorboard"), "`aezoo train --help` says what it takes"),
        (("sample", "x", "--label", "3"), "`aezoo sample --help` says what it takes"),
        (("sample", "x", "--lr", "3"), "`aezoo sample --help` says what it takes"),
        (("train", "x", "--epoch", "3"), "did you mean '--epochs'?"),
        (("train", "x", "--lr"), "`--set training.optimizer.lr=VALUE` does that"),
        (("cache", "sl"), "did you mean 'ls'?"),
        (("plugins", "lst"), "did you mean 'list'?"),
        (("plugins", "whatever"), "`aezoo plugins --help` says what it takes"),
        (("tabulate",), "`aezoo --help` names the commands"),
        (("evalaute",), "did you mean 'evaluate'?"),
    ],
)
def test_text_and_json_suggest_the_same(aezoo: Run, words: tuple[str, ...], hint: str) -> None:
    text, document = aezoo(*words), json.loads(aezoo(*words, "--json").err)
    assert (text.code, document["exit_code"]) == (2, 2)
    assert text.err.splitlines()[-1] == f"hint: {hint}"
    assert document["hint"] == hint
    assert "did you mean" not in document["error"].lower()
