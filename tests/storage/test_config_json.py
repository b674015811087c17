"""A manifest holds a spec with its fingerprints, and is refused where it is not what was written."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import aezoo
from aezoo.errors import NotFound, Refused, SpecError
from aezoo.spec.limits import Limits
from aezoo.storage import config_json
from aezoo.storage.model_files import Content

SPEC = {"name": "tiny", "input": [6], "latent": {"type": "deterministic", "dim": 2}}


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads(json.dumps(config_json.manifest(aezoo.read(SPEC))))


def test_a_manifest_is_read_back_and_names_its_plugins_where_it_has_some(document: dict[str, Any]) -> None:
    spec = aezoo.read(SPEC)
    assert document == {
        "aezoo": 1,
        "spec": spec.document(),
        "requires": [],
        "fingerprints": {"arch": spec.arch, "run": spec.run},
    }
    assert config_json.providers(spec) == {}
    assert config_json.spec_of(document, "m") == spec


def test_config_notes_the_hash_and_the_size_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    config = config_json.config(aezoo.read(SPEC), Content(tmp_path / "w"))
    assert config.pop("weights") == {"sha256": sha256(b"weights").hexdigest(), "size": 7}
    assert config == config_json.manifest(aezoo.read(SPEC))


@pytest.mark.parametrize("key", ["spec", "fingerprints"])
@pytest.mark.parametrize("value", [None, 3, "x"])
def test_what_lacks_a_spec_or_its_fingerprints_is_no_manifest(
    document: dict[str, Any], key: str, value: object
) -> None:
    with pytest.raises(Refused, match="m: no manifest of a model") as caught:
        config_json.spec_of({**document, key: value}, "m")
    assert caught.value.hint == "it belongs to another library"


def test_another_format_is_named_but_not_all_of_it(document: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^m: format 2, this aezoo reads 1$") as caught:
        config_json.spec_of({**document, "aezoo": 2}, "m")
    assert caught.value.hint == "pip install -U aezoo"
    with pytest.raises(Refused, match=r"^m: format 'xxxxxxxxxxxxxxxxxxx, this"):
        config_json.spec_of({**document, "aezoo": "x" * 50}, "m")


@pytest.mark.parametrize("kind", ["arch", "run"])
def test_a_spec_that_was_changed_is_refused_by_the_fingerprint_that_differs(
    document: dict[str, Any], kind: str
) -> None:
    own = document["fingerprints"][kind]
    document["fingerprints"][kind] = "0" * 64
    message = f"its fingerprint of the {kind} is {own[:12]}, the one noted '{'0' * 12}'$"
    with pytest.raises(Refused, match=message):
        config_json.spec_of(document, "m")


def test_a_spec_that_does_not_read_is_refused_in_the_name_of_its_manifest(document: dict[str, Any]) -> None:
    document["spec"]["latent"]["dim"] = -1
    with pytest.raises(SpecError, match=r"m.*latent\.dim"):
        config_json.spec_of(document, "m")


@pytest.mark.parametrize(
    ("noted", "hint"),
    [
        ("aezoo-kan>=0.3", "then `pip install 'aezoo-kan>=0.3'`; nothing was installed"),
        ("aezoo-kan>=0.3; rm -rf /", "by convention it comes with aezoo-kan"),
        ("--index-url=x>=1", "by convention it comes with aezoo-kan"),
        ("aezoo-kan", "by convention it comes with aezoo-kan"),
        (3, "by convention it comes with aezoo-kan"),
    ],
)
def test_a_plugin_that_is_missing_is_named_as_it_was_noted_if_that_is_a_name_and_a_version(
    document: dict[str, Any], noted: object, hint: str
) -> None:
    document["spec"]["latent"]["type"] = "kan:spline"
    document["plugins"] = {"kan": noted}
    with pytest.raises(SpecError) as caught:
        config_json.spec_of(document, "m")
    assert hint in str(caught.value)


def test_a_requirement_that_says_no_more_than_the_note_is_said_once(document: dict[str, Any]) -> None:
    document["spec"] |= {"requires": ["aezoo_kan>=0.3", "aezoo-other"]}
    document["spec"]["latent"]["type"] = "kan:spline"
    document["plugins"] = {"kan": "Aezoo.Kan>=0.3"}
    with pytest.raises(SpecError) as caught:
        config_json.spec_of(document, "m")
    assert "aezoo_kan is not installed" not in str(caught.value)
    assert "aezoo-other is not installed" in str(caught.value)


def test_a_folder_that_is_none_and_one_without_a_manifest_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such folder"):
        config_json.read_manifest(tmp_path / "missing")
    with pytest.raises(NotFound, match=r"holds no config\.json"):
        config_json.read_manifest(tmp_path)


def test_what_is_noted_is_given_as_it_stands(tmp_path: Path, document: dict[str, Any]) -> None:
    document["fingerprints"]["other"] = 3
    (tmp_path / "config.json").write_text(json.dumps(document))
    spec, prints = config_json.noted(tmp_path)
    assert spec == document["spec"]
    assert set(prints) == {"arch", "run"}


def test_the_limits_that_are_given_hold_for_the_spec_of_a_manifest(tmp_path: Path, document: dict[str, Any]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(document), encoding="utf-8")
    assert config_json.read_manifest(tmp_path) == aezoo.read(SPEC)
    with pytest.raises(SpecError, match="the limit is 3"):
        config_json.read_manifest(tmp_path, limits=Limits(parameters=3))
