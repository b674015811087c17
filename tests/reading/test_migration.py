"""Migration: format 0 becomes format 1, with its comments; what format 1 cannot say is refused by name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from aezoo.building.builder import verify
from aezoo.errors import SpecError
from aezoo.reading.migration import CURRENT, MIGRATIONS, migrate, version_of
from aezoo.reading.reader import check
from aezoo.reading.rewriting import rewritten

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "format0"
OLD = sorted(path.name for path in FOLDER.iterdir() if path.is_file())

#: A table of format 0 that says as much as one table can.
WHOLE: dict[str, Any] = {
    "aezoo": 0,
    "name": "whole",
    "vars": {"width": 8},
    "input": {"kind": "image", "shape": [1, 8, 8], "range": [0.0, 1.0]},
    "corruption": [{"type": "mask@1", "p": 0.25}],
    "encoder": [
        {"type": "conv", "act": "silu", "each": {"channels": ["${vars.width}", 4]}},
        {"type": "flatten"},
        {"type": "dense", "units": 16, "act": "tanh"},
    ],
    "latent": {"type": "gaussian", "dim": 3, "beta": 0.5, "warmup_steps": 10, "free_bits": 0.1},
    "decoder": {"mirror": True, "out_act": "sigmoid"},
    "reconstruction": {"type": "mse", "reduction": "sum_features"},
    "regularizers": {"small": {"type": "l1", "on": "latent.mean", "weight": 0.1}},
    "constraints": {"unit_norm": {"on": "decoder.weight"}},
    "data": {"type": "mnist"},
    "train": {"epochs": 2, "batch": 4, "lr": 0.01, "grad_clip": 1.0, "precision": "bf16", "seed": 3},
}
NEW: dict[str, Any] = {
    "aezoo": 1,
    "name": "whole",
    "input": {"kind": "image", "shape": [1, 8, 8], "range": [0.0, 1.0]},
    "corruption": [{"type": "mask", "p": 0.25}],
    "encoder": [
        {"type": "conv", "activation": "silu", "each": {"channels": [8, 4]}},
        {"type": "flatten"},
        {"type": "linear", "features": 16, "activation": "tanh"},
    ],
    "latent": {"type": "gaussian", "dim": 3},
    "likelihood": {"type": "mse", "output": "sigmoid"},
    "regularizers": {
        "small": {"type": "l1", "on": "mean", "weight": 0.1},
        "kl": {"weight": {"type": "linear", "start": 0.0, "end": 0.5, "steps": 10}, "free_bits": 0.1},
    },
    "constraints": {"unit_norm": {"on": "decoder"}},
    "data": {"type": "digits"},
    "training": {
        "epochs": 2,
        "batch_size": 4,
        "optimizer": {"lr": 0.01},
        "clip": 1.0,
        "precision": "bfloat16",
        "seed": 3,
    },
}


def lost(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and place of each key that cannot be carried over."""
    with pytest.raises(SpecError) as caught:
        migrate({"aezoo": 0, **table})
    assert all(fault.message for fault in caught.value.faults)
    return [(fault.code, fault.place) for fault in caught.value.faults]


def test_every_format_below_the_present_one_has_its_migration() -> None:
    assert sorted(MIGRATIONS) == list(range(CURRENT))


def test_a_table_of_format_0_becomes_what_it_says_in_format_1() -> None:
    before = deepcopy(WHOLE)
    assert migrate(WHOLE) == NEW
    assert before == WHOLE, "what was given is as it was"
    assert migrate(NEW) is NEW
    assert migrate({"name": "t"}) == {"name": "t"}


def test_keys_keep_their_order_under_their_new_names() -> None:
    told = list(migrate(WHOLE))
    assert told == [*(key for key in NEW if key not in ("constraints", "data", "training")), *list(NEW)[-3:]]
    assert list(migrate(WHOLE)["training"]) == list(NEW["training"])


@pytest.mark.parametrize("version", [None, True, "0", -1, 0.0])
def test_a_version_that_is_none_is_left_to_whoever_checks_values(version: Any) -> None:
    assert version_of({"aezoo": version}) == CURRENT
    assert version_of({}) == CURRENT


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        migrate({"aezoo": CURRENT + 1})
    assert [fault.code for fault in caught.value.faults] == ["AZ209"]


# --- meaning ----------------------------------------------------------------------------------------------


def carried(table: dict[str, Any]) -> dict[str, Any]:
    """The table in format 1, without its version."""
    new = migrate({"aezoo": 0, **table})
    assert new.pop("aezoo") == 1
    return new


def test_a_gaussian_code_brings_the_kl_term_that_format_0_implied() -> None:
    assert carried({"latent": {"type": "gaussian", "dim": 2}})["regularizers"] == {"kl": {}}
    assert carried({"latent": {"type": "gaussian", "warmup_steps": 9}})["regularizers"]["kl"]["weight"]["end"] == 1.0
    assert carried({"latent": {"type": "gaussian", "beta": 2, "warmup_steps": 0}})["regularizers"]["kl"] == {
        "weight": 2
    }
    assert "regularizers" not in carried({"latent": {"type": "deterministic", "dim": 2}})


def test_the_end_of_the_decoder_is_the_likelihoods_now() -> None:
    out = {"decoder": {"out_act": "sigmoid"}}
    assert carried({**out, "reconstruction": "bce"}) == {"likelihood": "bernoulli"}
    assert carried(out) == {"likelihood": {"output": "sigmoid"}}
    assert carried({**out, "reconstruction": "mse"}) == {"likelihood": {"type": "mse", "output": "sigmoid"}}
    assert carried({"decoder": {"out_act": "identity"}}) == {}
    assert carried({"extends": "b", "decoder": {"out_act": "identity"}})["likelihood"] == {"output": "identity"}


def test_a_rate_of_learning_goes_to_the_optimizer_whatever_its_form() -> None:
    assert carried({"train": {"lr": 1, "optimizer": "sgd"}}) == {"training": {"optimizer": {"type": "sgd", "lr": 1}}}
    told = {"type": "sgd", "momentum": 0.9}
    assert carried({"train": {"lr": 1, "optimizer": told}}) == {"training": {"optimizer": {**told, "lr": 1}}}


def test_a_patch_is_an_edit_of_the_list_of_a_base() -> None:
    told = {"extends": "b", "patch": {"encoder": {"stem": {"act": "relu", "units": 3}}}}
    assert carried(told) == {"extends": "b", "encoder": {"stem": {"activation": "relu", "features": 3}}}


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"latent": {"type": "topk", "dim": 8, "k": 2, "pre_bias": True}}, "latent.pre_bias"),
        ({"latent": {"type": "deterministic@2", "dim": 8}}, "latent.type"),
        ({"extends": "b", "latent": {"beta": 2.0}}, "latent.beta"),
        ({"extends": "b", "latent": {"warmup_steps": 10}}, "latent.warmup_steps"),
        ({"latent": {"type": "gaussian"}, "regularizers": {"kl": {"type": "l1"}}}, "regularizers.kl"),
        ({"latent": {"act": "relu", "activation": "tanh"}}, "latent.act"),
        ({"encoder": [{"type": "dense", "units": 2, "dropout": 0.5}]}, "encoder[0].dropout"),
        ({"encoder": [{"body": [{"units": 2, "features": 3}]}]}, "encoder[0].body[0].units"),
        ({"decoder": {"out_act": "relu"}}, "decoder.out_act"),
        ({"decoder": {"out_act": "tanh"}, "reconstruction": "bce"}, "decoder.out_act"),
        ({"decoder": {"patch": {"x": {}}}}, "decoder.patch"),
        ({"reconstruction": "bce", "likelihood": "mse"}, "reconstruction"),
        ({"reconstruction": {"type": "mse", "reduction": "mean"}}, "reconstruction.reduction"),
        ({"regularizers": {"c": {"type": "contractive", "at": "input.corrupted"}}}, "regularizers.c.at"),
        ({"regularizers": {"l1": {"reduction": "mean"}}}, "regularizers.l1.reduction"),
        ({"train": {"lr": 1e-3, "optimizer": {"type": "adam", "lr": 1e-2}}}, "train.lr"),
        ({"train": {"batch": 3, "batch_size": 4}}, "train.batch"),
        ({"extends": "b", "vars": {"width": 3}}, "vars"),
        ({"latent": {"dim": "${vars.width}"}}, "latent.dim"),
        ({"patch": {"training": {"epochs": 3}}}, "patch.training"),
        ({"patch": {"encoder": {"a": {}}}, "encoder": []}, "patch.encoder"),
        ({"input": {"shape": [3], "normalize": "unit_norm"}}, "input.normalize"),
    ],
)
def test_what_cannot_be_carried_over_is_named(table: dict[str, Any], place: str) -> None:
    assert lost(table) == [("AZ211", place)]


def test_all_that_cannot_be_carried_over_is_named_at_once() -> None:
    table = {"latent": {"pre_bias": True, "aux_k": 2}, "input": {"normalize": "unit_norm"}}
    assert [place for _, place in lost(table)] == ["latent.pre_bias", "latent.aux_k", "input.normalize"]


def test_a_key_that_neither_format_knows_stays_for_whoever_checks_keys() -> None:
    assert carried({"colour": "red", "train": {"epoch": 3}}) == {"colour": "red", "training": {"epoch": 3}}


WORDS = st.sampled_from(
    [*WHOLE, "type", "each", "body", "act", "lr", "patch", "out_act", "on", "kl", "extends", "beta"]
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(-1, 2), st.booleans(), st.floats(allow_nan=False), st.sampled_from(["gaussian", "dense@2", "b"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, ANYTHING, max_size=6))
def test_any_table_is_carried_over_or_refused(table: dict[str, Any]) -> None:
    try:
        new = migrate({**table, "aezoo": 0})
    except SpecError as error:
        codes = {fault.code for fault in error.faults}
        assert codes == {"AZ211"}
        return
    assert new["aezoo"] == CURRENT
    assert migrate(new) is new


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OLD)
def test_each_old_file_becomes_the_new_one_beside_it(name: str, golden: bool) -> None:
    found = rewritten((FOLDER / name).read_bytes(), name)
    wanted = FOLDER / "golden" / name
    if golden:
        wanted.parent.mkdir(exist_ok=True)
        wanted.write_text(found.text, encoding="utf-8")
    assert (found.version, found.kept) == (0, True)
    assert found.text == wanted.read_text(encoding="utf-8")
    parse = json.loads if name.endswith(".json") else tomllib.loads
    assert parse(found.text) == migrate(parse((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", OLD)
def test_an_old_file_reads_as_the_new_one_does_and_its_network_is_built(name: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "golden", tmp_path / "golden")
    new, _ = check(tmp_path / "golden" / name)
    old, lints = check(FOLDER / name)
    assert old == new
    assert "AZ210" in {lint.code for lint in lints}
    verify(new)


def comments(text: str) -> list[str]:
    return re.findall(r"#[^\n]*", text)


@pytest.mark.parametrize("name", [name for name in OLD if name.endswith(".toml")])
def test_every_comment_survives_whose_key_does(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    gone = {"# goes: a Bernoulli ends in one anyway"}
    after = rewritten(text.encode(), name).text
    assert [comment for comment in comments(text) if comment not in after] == [c for c in comments(text) if c in gone]


def test_a_comment_goes_where_its_key_goes() -> None:
    text = '# head\naezoo = 0\n\n# how fast\ntrain.lr = 0.1 # fast\nname = "t"\n# how long\ntrain.epochs = 3 # long\n'
    assert rewritten(text.encode(), "a.toml").text == (
        "# head\naezoo = 1\n\n# how fast\ntraining.optimizer = { lr = 0.1 }  # fast\n"
        '# how long\ntraining.epochs = 3 # long\nname = "t"\n'
    )


def dotted(table: dict[str, Any], path: str = "") -> str:
    """A table in lines of dotted keys."""
    lines = ""
    for key, value in table.items():
        place = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value:
            lines += dotted(value, place)
        else:
            lines += f"{place} = {inline(value)}\n"
    return lines


def inline(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


LAYOUTS = {
    "headers": tomli_w.dumps,
    "lines": lambda table: "".join(f"{key} = {inline(value)}\n" for key, value in table.items()),
    "dotted": dotted,
    "scattered": lambda table: "".join(sorted(dotted(table).splitlines(keepends=True), key=lambda line: line[::-1])),
    "windows": lambda table: tomli_w.dumps(table).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@given(keys=st.sets(st.sampled_from(sorted(set(WHOLE) - {"vars", "encoder"}))))
def test_a_toml_document_is_migrated_as_its_table_is(layout: str, keys: set[str]) -> None:
    table = {key: value for key, value in WHOLE.items() if key in {*keys, "aezoo", "vars", "encoder"}}
    text = LAYOUTS[layout](table)
    assert tomllib.loads(text) == table
    found = rewritten(text.encode(), "a.toml")
    assert found.kept
    assert tomllib.loads(found.text) == migrate(table)


def test_a_fault_of_an_old_file_is_told_at_its_place() -> None:
    text = b'aezoo = 0\nname = "t"\n[latent]\ntype = "topk"\naux_k = 3\n'
    with pytest.raises(SpecError) as caught:
        rewritten(text, "a.toml")
    (fault,) = caught.value.faults
    assert fault.where is not None
    assert (fault.where.file, fault.where.line, fault.where.text) == ("a.toml", 5, "aux_k = 3")


def test_a_file_of_the_present_format_keeps_every_byte() -> None:
    text = 'aezoo=1\r\nname   = "t" # odd\r\n'
    assert rewritten(text.encode(), "a.toml").text == text


def test_a_spec_that_cannot_be_carried_over_is_refused_at_the_key_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('aezoo = 0\nname = "b"\ninput = [3]\n[latent]\ntype = "topk"\naux_k = 3\n')
    (tmp_path / "a.toml").write_text('name = "a"\nextends = "base.toml"\n')
    for name in ("base.toml", "a.toml"):
        with pytest.raises(SpecError) as caught:
            check(tmp_path / name)
        (fault,) = [fault for fault in caught.value.faults if fault.code == "AZ211"]
        assert fault.where is not None
        assert (Path(fault.where.file).name, fault.where.line) == ("base.toml", 6)


def test_reading_an_old_spec_does_not_wake_what_keeps_comments() -> None:
    code = "import sys; from aezoo.reading.reader import check; check(sys.argv[1]); assert 'tomlkit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(FOLDER / "vanilla.toml")], check=True)
