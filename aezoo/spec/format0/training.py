"""Training and data of format 0."""

from __future__ import annotations

from aezoo.reading.carrier import Carrier, indices
from aezoo.reading.edits import Table, put, take

KEYS = {"batch": "batch_size", "grad_clip": "clip"}
PRECISIONS = {"fp32": "float32", "fp64": "float64", "bf16": "bfloat16"}
DATASETS = {"mnist": "digits"}


def carry_training(carrier: Carrier) -> None:
    """`train` is `training`, and the learning rate is the optimizer's."""
    carrier.renamed(carrier.table, {"train": "training"}, ())
    training = carrier.table.get("training")
    if not isinstance(training, dict):
        return
    carrier.renamed(training, KEYS, ("train",))
    precision = training.get("precision")
    if isinstance(precision, str) and precision in PRECISIONS:
        put(training, "precision", PRECISIONS[precision])
    if "lr" in training:
        _learning_rate(carrier, training)


def _learning_rate(carrier: Carrier, training: Table) -> None:
    optimizer = training.get("optimizer")
    if isinstance(optimizer, dict) and "lr" in optimizer:
        carrier.lost(("train", "lr"), "is called optimizer.lr now, which is there, too", "leave one of them out")
    elif isinstance(optimizer, dict):
        put(optimizer, "lr", take(training, "lr"))
    elif optimizer is None:
        rate = training["lr"]
        carrier.renamed(training, {"lr": "optimizer"}, ("train",))
        put(training, "optimizer", {"lr": rate})
    else:
        put(training, "optimizer", {"type": optimizer, "lr": take(training, "lr")})


def carry_samples(carrier: Carrier) -> None:
    """Where samples come from, what spoils them and how they are scaled."""
    corruption = carrier.table.get("corruption")
    for index in indices(corruption):
        carrier.retyped(carrier.table["corruption"], index, {}, ("corruption", index))
    if "data" in carrier.table:
        carrier.retyped(carrier.table, "data", DATASETS, ("data",))
    given = carrier.table.get("input")
    if isinstance(given, dict) and given.get("normalize") == "unit_norm":
        carrier.lost(("input", "normalize"), "cannot be 'unit_norm' now", "scale the samples before they are read")
