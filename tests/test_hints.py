"""Hints: slips of the hand are understood, and words that mean something else are not bent into names that exist."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from aezoo.cli import TABLE
from aezoo.hints import assigned, did_you_mean
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.text import parse_value

OPTIONS = [
    "--out",
    "--data",
    "--epochs",
    "--seed",
    "--device",
    "--threads",
    "--set",
    "--limit",
    "--force",
    "--json",
    "--help",
]
KEYS = ["type", "channels", "kernel", "stride", "padding", "norm", "activation", "features", "dim", "weight_decay"]
PARTS = ["deterministic", "gaussian", "topk", "bernoulli", "mse", "linear", "leaky_relu", "conv", "kl"]


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("trian", TABLE, "train"),
        ("evalute", TABLE, "evaluate"),
        ("eval", TABLE, "evaluate"),
        ("reconstuct", TABLE, "reconstruct"),
        ("recon", TABLE, "reconstruct"),
        ("mes", ("mse", "psnr"), "mse"),
        ("pul", TABLE, "pull"),
        ("psuh", TABLE, "push"),
        ("encoder", TABLE, "encode"),
        ("component", TABLE, "components"),
        ("--epoch", OPTIONS, "--epochs"),
        ("--treads", OPTIONS, "--threads"),
        ("--seeds", OPTIONS, "--seed"),
        ("--dev", OPTIONS, "--device"),
        ("--jsn", OPTIONS, "--json"),
        ("--ouput", ["--output", *OPTIONS], "--output"),
        ("chanels", KEYS, "channels"),
        ("fetures", KEYS, "features"),
        ("kernal", KEYS, "kernel"),
        ("weight-decay", KEYS, "weight_decay"),
        ("dims", KEYS, "dim"),
        ("gausian", PARTS, "gaussian"),
        ("LeakyReLU", PARTS, "leaky_relu"),
        ("leaky-relu", PARTS, "leaky_relu"),
        ("Conv2d", PARTS, "conv"),
        ("kld", PARTS, "kl"),
        ("run", TABLE, "runs"),
        ("vanila-digits", bundled_specs(), "vanilla-digits"),
        ("ae-minst", bundled_specs(), "ae-mnist"),
    ],
)
def test_a_slip_of_the_hand_is_understood(word: str, known: Any, meant: str) -> None:
    assert did_you_mean(word, known, "a list") == f"did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        *((word, TABLE) for word in ("learn", "report", "export", "predict", "test", "infer")),
        *((word, TABLE) for word in ("restore", "generate", "checkpoint", "download", "delete", "serve", "x", "")),
        *((word, OPTIONS) for word in ("--resume", "--label", "--lr", "--gpu", "--cpu", "--workers", "--batch-size")),
        *((word, OPTIONS) for word in ("--tensorboard", "--name", "--model", "--threshold", "--path", "--test")),
        *((word, KEYS) for word in ("units", "filters", "size", "bias", "width", "k", "dropout")),
        *((word, PARTS) for word in ("vq", "dense", "mae", "poisson", "relu")),
    ],
)
def test_another_word_is_not_bent_into_one_that_exists(word: str, known: Any) -> None:
    assert did_you_mean(word, known, "a list") == "a list"


@pytest.mark.parametrize(
    "value",
    [
        "x_train",
        "12",
        "true",
        "a b",
        "it's",
        ";",
        "\t",
        '"q"',
        "[1]",
        "ü",
        ["a", "b c"],
        3,
        " x",
        {"a": ["f", "m"], "b c": {}},
    ],
)
def test_what_is_to_be_typed_means_the_value_once_a_shell_has_read_it(value: object) -> None:
    flag, assignment = shlex.split(assigned("data.key", value))
    path, _, text = assignment.partition("=")
    assert (flag, path, parse_value(text.strip())) == ("--set", "data.key", value)
