"""Every fault at its place: in TOML and JSON, through `extends`, `variants`, `each` and `--set`; and all in one run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aezoo.cli.faults import document, github, human
from aezoo.errors import Fault, PluginError, SpecError
from aezoo.reading import reader, resolver
from aezoo.reading.reader import read

WHOLE = """\
name = "t"
input = [1, 28, 28]
encoder = ["flatten"]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def faults(source: Any, **more: Any) -> Sequence[Fault]:
    with pytest.raises(SpecError) as caught:
        read(source, **more)
    return caught.value.faults


def positions_of(text: str, name: str = "a.toml", **more: Any) -> list[tuple[str, str, str]]:
    """Place, code and the text that the caret stands under, for each fault of this file."""
    Path(name).write_text(text, encoding="utf-8")
    return [(where(fault), fault.code, meant(fault)) for fault in faults(name, **more)]


def where(fault: Fault) -> str:
    assert fault.where is not None
    return f"{fault.where.file}:{fault.where.line}:{fault.where.column}"


def meant(fault: Fault) -> str:
    assert fault.where is not None
    return fault.where.text[fault.where.column - 1 :][: fault.where.length]


def test_faults_of_every_kind_are_told_at_their_places_in_one_run() -> None:
    text = """\
name = "t"
colour = "red"
input = [1, 28, 28]
encoder = [
    { type = "flatten" },
    { type = "linaer", features = 3 },
    { type = "linear", featurs = 3 },
]

[latent]
type = "deterministic"
dim = "8"

[regularizers.kl]
wieght = 1.0

[training]
epochs = 0
"""
    assert positions_of(text) == [
        ("a.toml:2:1", "AZ203", "colour"),
        ("a.toml:6:14", "AZ301", '"linaer"'),
        ("a.toml:7:5", "AZ202", '{ type = "linear", featurs = 3 }'),
        ("a.toml:7:24", "AZ203", "featurs"),
        ("a.toml:12:7", "AZ201", '"8"'),
        ("a.toml:14:15", "AZ501", "kl"),
        ("a.toml:15:1", "AZ203", "wieght"),
        ("a.toml:18:10", "AZ201", "0"),
    ]


def test_json_has_places_too() -> None:
    text = json.dumps(
        {
            "name": "t",
            "input": [1, 28, 28],
            "encoder": [{"type": "flatten"}, {"type": "linear", "features": 0}],
            "latent": {"type": "deterministic", "dim": 8, "activatoin": "relu"},
        },
        indent=2,
    )
    line = next(i for i, text in enumerate(text.split("\n"), start=1) if "features" in text)
    unknown = next(i for i, text in enumerate(text.split("\n"), start=1) if "activatoin" in text)
    assert positions_of(text, "a.json") == [
        (f"a.json:{line}:19", "AZ201", "0"),
        (f"a.json:{unknown}:5", "AZ203", '"activatoin"'),
    ]


def test_a_fault_in_a_base_points_into_the_base() -> None:
    Path("base.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 0 }\n')
    assert positions_of('name = "a"\nextends = "base.toml"\n') == [("base.toml:4:42", "AZ201", "0")]


def test_a_fault_in_what_overrides_a_base_points_at_what_overrides() -> None:
    Path("base.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    text = 'name = "a"\nextends = "base.toml"\nlatent.dim = -1\nencoder.0.start = 1\n'
    assert positions_of(text) == [("a.toml:3:14", "AZ201", "-1"), ("a.toml:4:11", "AZ203", "start")]


def test_a_fault_in_one_copy_of_each_points_at_its_value() -> None:
    text = WHOLE.replace('["flatten"]', '[{ type = "conv", each = { channels = [8, 0] } }]')
    assert positions_of(text + 'latent = { type = "deterministic", dim = 3 }\n') == [("a.toml:3:53", "AZ201", "0")]


def test_a_fault_of_a_flag_names_the_flag() -> None:
    text = WHOLE + 'latent = { type = "deterministic", dim = 3 }\n'
    Path("a.toml").write_text(text)
    (fault,) = faults("a.toml", overrides=["latent.dmi=4"])
    assert fault.where is not None
    assert fault.where.file == "--set latent.dmi=4"
    assert fault.hint == "did you mean 'dim'?"
    (fault,) = faults("a.toml", overrides=["traning.epochs=4"])
    assert fault.hint == "did you mean 'training'?"


def test_variants_that_disagree_point_at_their_names() -> None:
    text = WHOLE + 'variants = ["sparse", "contractive", "nothing"]\nlatent.dim = 3\n'
    assert ("a.toml:4:38", "AZ301", '"nothing"') in positions_of(text)
    text = text.replace('"contractive", "nothing"', '"variational"').replace('["flatten"]', "3")
    assert ("a.toml:3:11", "AZ201", "3") in positions_of(text)


@pytest.mark.parametrize(
    ("value", "place", "message"),
    [
        ("1.5", "corruption[0].p", "takes 1.0 or less, or a list, got 1.5"),
        ('"x"', "corruption[0].p", "no schedule is called 'x'"),
        ('{ type = "linear", end = 2 }', "corruption[0].p", "takes 1 or less, and the schedule gets to 2"),
        ('{ type = "linear", ende = 1 }', "corruption[0].p.ende", "unknown key for schedule 'linear'"),
        ("[0.5, 2]", "corruption[0].p[1]", "takes 1.0 or less, got 2"),
        ("[0.5]", "corruption[0].p[1]", "is missing"),
    ],
)
def test_a_value_of_several_kinds_is_one_fault_that_says_what_was_meant(value: str, place: str, message: str) -> None:
    Path("a.toml").write_text(
        WHOLE + f'corruption = [{{ type = "mask", p = {value} }}]\nlatent = {{ type = "deterministic", dim = 3 }}\n'
    )
    (fault,) = faults("a.toml")
    assert (fault.place, fault.message) == (place, message)


def test_a_misspelt_macro_is_recognised() -> None:
    Path("a.toml").write_text(WHOLE + 'extend = "x"\nlatent = { type = "deterministic", dim = 3 }\n')
    (fault,) = faults("a.toml")
    assert fault.hint == "did you mean 'extends'?"


def test_a_shape_that_does_not_fit_points_at_its_layer() -> None:
    text = 'name = "t"\ninput = [1, 4, 4]\nlatent = { type = "deterministic", dim = 3 }\n'
    text += '\n[[encoder]]\ntype = "conv"\nchannels = 2\n'
    text += '\n[[encoder]]\ntype = "conv"\nkernel = 9\npadding = 0\nchannels = 2\n'
    (found,) = positions_of(text)
    assert found == ("a.toml:9:3", "AZ401", "encoder")


def test_what_does_not_follow_from_a_fault_is_told_beside_it() -> None:
    text = WHOLE.replace('["flatten"]', '[{ type = "conv", kernel = 99, padding = 0, channels = 2 }]')
    text += 'latent = { type = "deterministic", dim = 3 }\nregularizers.l1 = { on = "encodr.0" }\ntraining.epoch = 3\n'
    assert [code for _, code, _ in positions_of(text)] == ["AZ401", "AZ502", "AZ203"], "taps depend on no shape"
    text = text.replace("kernel = 99", "kernel = 3")
    assert [code for _, code, _ in positions_of(text)] == ["AZ502", "AZ203"]


def test_what_follows_from_a_fault_is_not_told_beside_it() -> None:
    text = WHOLE + 'latent = { type = "deterministic", dim = 3 }\n'
    text += 'decoder = [{ type = "linear", features = "784" }, { type = "reshape", shape = [1, 28, 28] }]\n'
    assert [code for _, code, _ in positions_of(text)] == ["AZ201"], "no word about the shape that 784 would have made"


def test_a_missing_base_hides_neither_syntax_nor_keys_and_invents_nothing_missing() -> None:
    text = 'name = "a"\nextends = ["absent.toml", "broken.toml"]\nlatent.dim = "x"\ncolour = 1\n'
    Path("broken.toml").write_text("name = \n")
    codes = [(place, code) for place, code, _ in positions_of(text)]
    assert ("a.toml:2:12", "AZ305") in codes
    assert ("a.toml:4:1", "AZ203") in codes
    assert any(place.startswith("broken.toml:1:") and code == "AZ103" for place, code in codes)
    assert "AZ202" not in {code for _, code in codes}


def test_an_absent_plugin_is_told_with_the_other_faults_and_with_its_own_exit_code() -> None:
    text = WHOLE + 'latent = { type = "kan:spline", dim = 3 }\ncolour = 1\nrequires = ["aezoo-kan>=0.3,<1"]\n'
    Path("a.toml").write_text(text)
    with pytest.raises(PluginError) as caught:
        read("a.toml")
    assert isinstance(caught.value, SpecError)
    assert caught.value.exit_code == 4
    assert [fault.code for fault in caught.value.faults] == ["AZ302", "AZ203", "AZ304"]
    assert "aezoo-kan" in caught.value.faults[2].message


def test_a_requirement_is_judged_by_its_version() -> None:
    text = WHOLE + 'latent = { type = "deterministic", dim = 3 }\nrequires = ["aezoo>=0.1", "aezoo>=99", "a b c"]\n'
    assert positions_of(text) == [("a.toml:5:27", "AZ304", '"aezoo>=99"'), ("a.toml:5:40", "AZ201", '"a b c"')]


def test_a_circle_is_told_with_its_steps() -> None:
    Path("b.toml").write_text('name = "b"\nextends = "a.toml"\n')
    Path("a.toml").write_text('name = "a"\nextends = "b.toml"\n')
    (fault,) = faults("a.toml")
    assert fault.code == "AZ206"
    assert "a.toml -> b.toml -> a.toml" in fault.message


def test_bases_are_bounded_in_depth_and_number() -> None:
    for i in range(12):
        Path(f"{i}.toml").write_text(f'name = "t"\nextends = "{i + 1}.toml"\n')
    Path("12.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    assert [fault.code for fault in faults("0.toml")] == ["AZ206"]
    assert read("4.toml").name == "t"
    for i in range(7):  # every file twice on every level: 2^7 readings
        Path(f"{i}.toml").write_text(f'name = "t"\nextends = ["{i + 1}.toml", "{i + 1}.toml"]\n')
    Path("7.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    assert {fault.code for fault in faults("0.toml")} == {"AZ206"}


@pytest.mark.parametrize("escape", ["../base.toml", "link.toml", "absolute"])
def test_a_spec_from_elsewhere_cannot_reach_out_of_its_folder(tmp_path: Path, escape: str) -> None:
    (tmp_path / "base.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.toml").symlink_to(tmp_path / "base.toml")
    base = str(tmp_path / "base.toml") if escape == "absolute" else escape
    (inner / "a.toml").write_text(f'name = "a"\nextends = {json.dumps(base)}\n')
    (fault,) = faults(inner / "a.toml", trusted=False)
    assert fault.code == "AZ601"
    assert read(inner / "a.toml").name == "a"


def test_a_spec_from_elsewhere_may_extend_what_lies_beside_it_and_what_is_bundled(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "base.toml").write_text('name = "b"\nextends = "vanilla-digits"\n')
    (inner / "a.toml").write_text('name = "a"\nextends = "base.toml"\n')
    assert read(inner / "a.toml", trusted=False).name == "a"
    (fault,) = faults({"name": "m", "extends": "inner/base.toml"}, trusted=False)
    assert fault.code == "AZ601", "a mapping has no folder"


def test_a_newer_format_is_refused_and_nothing_else_is_said() -> None:
    assert positions_of("aezoo = 2\nnews = 1\n") == [("a.toml:1:9", "AZ209", "2")]


def test_a_json_spec_may_name_its_schema() -> None:
    spec = {"$schema": "./aezoo.schema.json", "name": "t", "extends": "vanilla-digits"}
    Path("a.json").write_text(json.dumps(spec))
    assert read("a.json").name == "t"


@pytest.mark.parametrize("name", ["a" * 5000, "zero\0byte", "..", "."])
def test_a_base_whose_name_is_no_file_name_is_not_found(name: str) -> None:
    assert [fault.code for fault in faults({"name": "t", "extends": name})] == ["AZ305"]


# --- bases that are no spec ------------------------------------------------------------------------------

SECRET = "hunter2"
NO_SPECS = {
    "lines of a table": f"root:x:0:0:{SECRET}:/root:/bin/bash\nnobody:x:1:1:{SECRET}:/:/bin/false\n",
    "variables": f"export TOKEN={SECRET}\nPASSWORD={SECRET}\n",
    "variables that are TOML": f'TOKEN = "{SECRET}"\n',
    "a key that stands twice": f"{SECRET} = 1\n{SECRET} = 2\n",
    "a value that is none": f"name = {SECRET}\n",
    "a key of an ini file": f"[{SECRET}]\nx = {SECRET}\n",
    "an unclosed string": f'name = "{SECRET}\n',
    "a date": f'name = "x"\n{SECRET} = 2020-01-01\n',
    "a control character": f'name = "x\\u0007{SECRET}"\n',
    "deep lists": f"{SECRET} = {'[' * 70}{']' * 70}\n",
    "a long number": f"name = {'1' * 2000}\n# {SECRET}\n",
    "a known key and others": f'name = "x"\ntoken = "{SECRET}"\n',
    "an older format with others": f'aezoo = 0\ntoken = "{SECRET}"\n',
    "an older format on one line": f'{{"aezoo": 0, "token": "{SECRET}"}}',
    "bytes": f"\x7fELF\0\0{SECRET}\n",
}


@pytest.mark.parametrize("text", NO_SPECS.values(), ids=NO_SPECS)
@pytest.mark.parametrize("name", ["secrets", ".env", "base.toml", "base.json", "link.toml", "inner/base.toml"])
def test_a_base_that_is_no_spec_is_told_by_its_place_and_not_by_what_stands_in_it(text: str, name: str) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    Path("kept").write_text(text)
    if name == "link.toml":
        path.symlink_to("kept")
    else:
        path.write_text(text)
    Path("a.toml").write_text(WHOLE + f'extends = "{name}"\nlatent = {{ type = "deterministic", dim = 3 }}\n')
    with pytest.raises(SpecError) as caught:
        read("a.toml")
    shown = [*human(caught.value.faults, "a.toml"), *github(caught.value.faults, "a.toml"), str(caught.value)]
    shown += [json.dumps(document(fault)) for fault in caught.value.faults]
    shown += [fault.where.text for fault in caught.value.faults if fault.where and fault.where.file != "a.toml"]
    assert SECRET not in "\n".join(shown), shown
    assert any(fault.where and fault.where.file in ("a.toml", name) for fault in caught.value.faults)


def test_what_is_told_of_a_base_that_cannot_be_read_shows_it_when_it_is_typed() -> None:
    Path("my base.toml").write_text("name = \n")
    Path("a.toml").write_text('name = "a"\nextends = "my base.toml"\n')
    (fault,) = faults("a.toml")
    assert (where(fault), fault.code) == ("my base.toml:1:7", "AZ103")
    command = shlex.split(fault.hint.split("`")[1])
    assert command == ["aezoo", "check", "my base.toml"]
    (own,) = faults(command[2])
    assert own.where is not None
    assert own.where.text == "name = ", "a file of one's own is shown"


def test_a_base_that_is_no_spec_is_one_fault_however_many_lines_it_has() -> None:
    Path("passwd").write_text("root:x:0:0:root:/root:/bin/bash\n" * 20)
    Path("a.toml").write_text('name = "a"\nextends = "passwd"\n')
    assert [where(fault) for fault in faults("a.toml")] == ["passwd:1:5"]


def test_a_base_that_is_a_spec_with_a_fault_is_shown() -> None:
    Path("base.toml").write_text('name = "b"\nlatent = { type = "deterministic", dim = -1 }\n')
    Path("a.toml").write_text(WHOLE.replace('"t"', '"a"') + 'extends = "base.toml"\n')
    (fault,) = faults("a.toml")
    assert meant(fault) == "-1"


@pytest.mark.parametrize("times", [2, 40, 64])
def test_a_base_that_is_named_often_is_read_once(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = counted(monkeypatch)
    Path("base.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    names = ["base.toml", "./base.toml", "inner/../base.toml"]
    Path("inner").mkdir()
    Path("a.toml").write_text(f'name = "a"\nextends = {json.dumps((names * times)[:times])}\n')
    assert read("a.toml").name == "a"
    assert opened.count("base.toml") == 1


def test_a_base_of_two_bases_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = counted(monkeypatch)
    Path("base.toml").write_text(WHOLE + 'latent = { type = "deterministic", dim = 3 }\n')
    for name in ("left", "right"):
        Path(f"{name}.toml").write_text(f'description = "{name}"\nextends = "base.toml"\n')
    Path("a.toml").write_text('name = "a"\nextends = ["left.toml", "right.toml"]\n')
    assert read("a.toml").description == "right"
    assert sorted(opened) == ["a.toml", "base.toml", "left.toml", "right.toml"]


def test_a_base_that_cannot_be_read_is_told_once_however_often_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = counted(monkeypatch)
    Path("base.toml").write_text("name = \n")
    Path("a.toml").write_text(f'name = "a"\nextends = {json.dumps(["base.toml"] * 40)}\n')
    assert [fault.code for fault in faults("a.toml")] == ["AZ103"]
    assert opened.count("base.toml") == 1


def test_more_bases_than_there_may_be_are_told_once() -> None:
    Path("a.toml").write_text(f'name = "a"\nextends = {json.dumps(["absent.toml"] * 9000)}\n')
    assert 0 < len(faults("a.toml")) <= 65


def test_a_base_stands_no_deeper_because_it_was_read_before() -> None:
    """Named at the top first, then once more at the bottom of a tower."""
    Path("base.toml").write_text(WHOLE + 'extends = "ground.toml"\n')
    Path("ground.toml").write_text('latent = { type = "deterministic", dim = 3 }\n')
    for i in range(8):
        above = f"{i + 1}.toml" if i < 7 else "base.toml"
        Path(f"{i}.toml").write_text(f'name = "t"\nextends = "{above}"\n')
    Path("a.toml").write_text('name = "a"\nextends = ["base.toml", "0.toml"]\n')
    assert {fault.code for fault in faults("a.toml")} == {"AZ206"}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened from now on."""
    opened: list[str] = []

    def content(path: Path) -> bytes:
        opened.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(resolver, "content", content)
    return opened


def test_a_distribution_that_is_required_often_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def installed(name: str) -> str:
        asked.append(name)
        return "1.0"

    monkeypatch.setattr(reader, "installed", installed)
    names = json.dumps([f"{name}>=0.{i}" for i in range(50) for name in ("torch", "Torch")])
    Path("a.toml").write_text(WHOLE + f'latent = {{ type = "deterministic", dim = 3 }}\nrequires = {names}\n')
    read("a.toml")
    assert asked == ["torch"]
