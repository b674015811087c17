"""A spec with faults of every stage, mended by following only what the tool prints, trains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aezoo
from aezoo.errors import Fault, SpecError
from aezoo.reading.reader import check

FAULTY = """\
aezoo = 1
name = "my model!"
colour = "red"
input = [1, 28, 28]
unset = ["regularizers.entropy"]
corruption = [{ type = "gausian_noise", std = 0.5 }, { type = "mask", p = 1.5 }]
encoder = [
    { type = "conv", chanels = 4, kernel = 4, stride = 2, padding = 1, activation = "rellu" },
    { type = "conv", channels = 8, kernel = 4, each = { stride = [2, 2], padding = [1] } },
    { type = "linear", features = "many" },
]
latent = { type = "gausian", dim = 0 }
likelihood = { type = "bernouli" }
data = "digit"

[regularizers.kl]
wieght = 1.0

[regularizers.sparsity]
type = "l1"
on = "latnet"

[constraints.unit_norm]
on = "decoder.99"

[training]
epochs = 0
batch_size = "big"
optimizer = { type = "adma", lr = 1e-3 }
best_by = "klx"
"""

#: What a reader writes where the tool says what is taken, but cannot know which: by the message.
TYPED = {
    "takes text of letters": '"my-model"',
    "takes 1.0 or less": "0.25",
    "takes lists of one length": "{ stride = [2], padding = [1] }",
    "takes a whole number, got 'many'": "16",
    "takes a whole number, got 'big'": "100",
    "takes 1 or more, got 0": "1",
    "no layer is called 'decoder.99'": '"decoder.0"',
}


def replaced(text: str, fault: Fault, new: str, *, quoted: bool = False) -> str:
    """The text with what the caret stands under replaced; a word in quotes by a word in quotes."""
    assert fault.where is not None
    lines = text.split("\n")
    row, start = fault.where.line - 1, fault.where.column - 1
    old = lines[row][start : start + fault.where.length]
    new = f'"{new}"' if quoted and old.startswith('"') else new
    lines[row] = lines[row][:start] + new + lines[row][start + fault.where.length :]
    return "\n".join(lines)


def dropped(text: str, fault: Fault) -> str:
    """The text without the line of a key that is not known and is like none that is."""
    assert fault.where is not None
    lines = text.split("\n")
    del lines[fault.where.line - 1]
    return "\n".join(lines)


def with_layer(text: str, fault: Fault, name: str) -> str:
    """The text with a layer of this name before the one with the fault."""
    assert fault.where is not None
    lines = text.split("\n")
    lines.insert(fault.where.line - 1, f'    "{name}",')
    return "\n".join(lines)


def mended(text: str, fault: Fault) -> str:
    """The text after what one printed fault says has been done."""
    if meant := re.search(r"did you mean '([^']+)'\?", fault.hint):
        return replaced(text, fault, meant[1], quoted=True)
    if before := re.search(r"put a '(\w+)' before it", str(fault)):
        return with_layer(text, fault, before[1])
    if "unknown key" in fault.message or fault.code == "AZ208":
        return dropped(text, fault)
    for message, value in TYPED.items():
        if fault.message.startswith(message):
            return replaced(text, fault, value)
    pytest.fail(f"nothing to go by: {fault}")


def test_following_what_is_printed_leads_to_a_spec_that_trains(tmp_path: Path) -> None:
    path, text, seen = tmp_path / "mine.toml", FAULTY, dict[str, None]()
    for _ in range(40):
        path.write_text(text, encoding="utf-8")
        try:
            _, lints = check(path)
        except SpecError as error:
            # One fault a turn, from the end: an edit moves what stands behind it.
            fault = next(fault for fault in reversed(error.faults) if fault.code != "AZ202")
            seen |= {fault.code: None for fault in error.faults}
            text = mended(text, fault)
        else:
            break
    assert not lints
    assert {"AZ201", "AZ202", "AZ203", "AZ204", "AZ208", "AZ301", "AZ502", "AZ503", "AZ507"} <= set(seen)
    run = aezoo.train(aezoo.read(path, overrides=["training.steps=2"]), out=tmp_path / "run")
    assert run.record["steps"] == 2


def test_the_first_run_tells_all_that_can_be_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FAULTY, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        check(path)
    assert len(caught.value.faults) >= 16
