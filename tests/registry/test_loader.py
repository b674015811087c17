"""Plugins as they are installed: an entry point, a module, and what becomes of each when something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import aezoo
from aezoo.cli.scaffold import scaffold
from aezoo.errors import PluginError, PluginMissing, SpecError, UnmetSpec, UsageError
from aezoo.registry import entry_points
from aezoo.registry.loader import IN_THE_BOX, installed, load
from aezoo.registry.registry import Registry
from aezoo.registry.status import standing

HOOKS = """
from aezoo.plugin import LazyModule, hookimpl

@hookimpl
def aezoo_components():
    return [LazyModule("{module}.layers", layer=("double",)), LazyModule("{module}.broken", layer=("wreck",))]

@hookimpl
def aezoo_variants():
    return {{"loud": {{"description": "loud"}}}}
"""
LAYERS = """
from typing import Literal
from aezoo.plugin import LayerSpec

class DoubleSpec(LayerSpec):
    '''Twice the value.'''
    type: Literal["double"] = "double"

    def output_shape(self, shape):
        return shape

    def mirror(self, shape, *, target, style):
        return [self]

COMPONENTS = [DoubleSpec]
"""
SPEC = {
    "name": "a",
    "input": [4],
    "encoder": [{"type": "toy:double"}],
    "latent": {"type": "deterministic", "dim": 2},
}

Installed = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Installs a distribution that claims a namespace, as pip would leave it; returns the name of its package."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def put(hooks: str = HOOKS, *, namespace: str = "toy", name: str = "aezoo_toy") -> str:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text(hooks.format(module=name), encoding="utf-8")
        (package / "layers.py").write_text(LAYERS, encoding="utf-8")
        (package / "broken.py").write_text("raise RuntimeError('out of order')", encoding="utf-8")
        facts = tmp_path / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (facts / "entry_points.txt").write_text(f"[aezoo]\n{namespace} = {name}\n", encoding="utf-8")
        return name

    yield put
    for name in set(sys.modules) - before:
        if name.startswith("aezoo_"):
            del sys.modules[name]


@pytest.fixture
def fresh() -> Registry:
    """The built-in parts, and plugins as specs name them; not the registry of this process."""
    registry = Registry(load)
    load(registry, IN_THE_BOX)
    return registry


def test_a_plugin_is_imported_when_a_spec_names_a_part_of_it(install: Installed, fresh: Registry) -> None:
    package = install()
    assert "toy" in installed()
    fresh.get("layer", "linear")
    assert package not in sys.modules
    spec = aezoo.read(SPEC, registry=fresh)
    assert spec.document()["encoder"] == [{"type": "toy:double"}]
    assert fresh.loaded == {IN_THE_BOX, "toy"}


def test_a_plugins_lazy_modules_are_imported_one_by_one(install: Installed, fresh: Registry) -> None:
    package = install()
    assert fresh.variant("toy:loud") == {"description": "loud"}
    assert package in sys.modules
    assert f"{package}.layers" not in sys.modules
    assert fresh.get("layer", "toy:double").tag() == "toy:double"
    assert f"{package}.layers" in sys.modules


def test_a_broken_module_is_a_fault_of_the_spec_that_names_it_and_of_no_other(
    install: Installed, fresh: Registry
) -> None:
    package = install()
    aezoo.read(SPEC, registry=fresh)
    with pytest.raises(SpecError) as caught:
        aezoo.read({**SPEC, "encoder": [{"type": "toy:wreck"}]}, registry=fresh)
    fault = next(fault for fault in caught.value.faults if fault.code == "AZ303")
    assert (fault.path[:2], caught.value.exit_code) == (("encoder", 0), 4)
    assert f"{package}.broken cannot be imported: RuntimeError('out of order')" in fault.message


def test_a_plugin_is_loaded_once(install: Installed, fresh: Registry) -> None:
    install()
    load(fresh, "toy")
    load(fresh, "toy")
    assert [name for name in fresh.names("layer") if ":" in name] == ["toy:double", "toy:wreck"]


def test_a_namespace_that_nobody_provides_is_missing(fresh: Registry) -> None:
    with pytest.raises(PluginMissing, match="no installed plugin provides the namespace 'nowhere'") as caught:
        fresh.get("layer", "nowhere:thing")
    assert "nothing was installed for you" in caught.value.hint


def test_of_two_distributions_that_claim_a_namespace_neither_loads(install: Installed, fresh: Registry) -> None:
    names = [install(name="aezoo_one"), install(name="aezoo_two")]
    with pytest.raises(PluginError, match="'toy' is claimed by aezoo_one, aezoo_two; neither is loaded"):
        fresh.get("layer", "toy:double")
    assert not {*names} & sys.modules.keys()


@pytest.mark.parametrize("value", ["toy", "other, toy", "*"])
def test_a_disabled_plugin_stays_unimported(
    install: Installed, fresh: Registry, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    package = install()
    monkeypatch.setenv("AEZOO_DISABLE_PLUGINS", value)
    with pytest.raises(PluginError, match="plugin 'toy' is disabled by AEZOO_DISABLE_PLUGINS"):
        fresh.get("layer", "toy:double")
    assert package not in sys.modules
    assert fresh.get("layer", "linear").tag() == "linear"


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("raise SystemExit(1)", r"'toy' \(aezoo_toy 1.0\) cannot be imported: SystemExit\(1\) at .*__init__.py:1$"),
        ("AEZOO_API = 2", r"was written for plugin API 2; this is 1"),
        ("AEZOO_API = '1'", r"'toy' \(aezoo_toy 1.0\): AEZOO_API is '1': it must be a number"),
        ("1 +", r"SyntaxError.* at .*__init__.py:1$"),
        ("\n\nimport no_such_module", r"ModuleNotFoundError.* at .*__init__.py:3$"),
        ("from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_components():\n    pass", "components returns None"),
        ("from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_colours():\n    return []", "aezoo_colours"),
        (
            "from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_components():\n    return 1 // 0",
            "ZeroDivisionError",
        ),
        ("from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_components():\n    return 1", "not iterable"),
        ("from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_components():\n    return [1]", "1 is no part"),
    ],
)
def test_a_broken_plugin_says_how_and_leaves_nothing_behind(
    install: Installed, fresh: Registry, hooks: str, said: str
) -> None:
    install(hooks)
    for _ in range(2):
        with pytest.raises(PluginError, match=said):
            fresh.get("layer", "toy:double")
    assert not [name for name in fresh.names("layer") if ":" in name]
    assert fresh.loaded == {IN_THE_BOX}


def test_a_plugin_whose_variants_fail_leaves_no_parts_behind(install: Installed, fresh: Registry) -> None:
    install(HOOKS.replace('{{"loud": {{"description": "loud"}}}}', "{{}}['loud']"))
    with pytest.raises(PluginError, match="KeyError"):
        fresh.get("layer", "toy:double")
    assert not [name for name in fresh.names("layer") if ":" in name]


def test_a_misspelt_hook_is_answered_with_the_right_one(install: Installed, fresh: Registry) -> None:
    install("from aezoo.plugin import hookimpl\n@hookimpl\ndef aezoo_componets():\n    return []")
    with pytest.raises(PluginError, match="unknown hook 'aezoo_componets'") as caught:
        fresh.get("layer", "toy:double")
    assert caught.value.hint == "did you mean 'aezoo_components'?"


def test_an_entry_point_that_names_no_module_is_told_with_where_it_stands(install: Installed, fresh: Registry) -> None:
    install()
    found = standing("typo", [EntryPoint("typo", "aezoo_tpyo:hooks", "aezoo")])
    assert (found.state, found.reason) == (
        "broken",
        "the entry point of plugin 'typo' (aezoo_tpyo:hooks) names aezoo_tpyo:hooks, which is not there",
    )
    assert "[project.entry-points.aezoo]" in found.hint
    assert "-e" in found.hint


def test_a_distribution_that_claims_nothing_is_told_from_one_that_is_not_there(
    tmp_path: Path, install: Installed, fresh: Registry
) -> None:
    install(name="aezoo_lost", namespace="lots")
    with pytest.raises(PluginMissing, match="'lost'") as caught:
        fresh.get("layer", "lost:double")
    assert "aezoo-lost is installed, and claims no such namespace" in caught.value.hint


@pytest.mark.parametrize("namespace", ["my-toys", "Toys", "my__toys"])
def test_a_namespace_is_loaded_if_a_new_plugin_could_have_it(namespace: str) -> None:
    assert standing(namespace, [EntryPoint(namespace, "tests", "aezoo")]).state == "invalid"
    with pytest.raises(UsageError):
        scaffold(namespace, "layer", Path("never"))


def test_what_is_wrong_with_a_plugin_is_told_once_and_with_its_name(install: Installed, fresh: Registry) -> None:
    install("from aezoo.plugin import hookimpl\nclass Odd: pass\n@hookimpl\ndef aezoo_components():\n    return [Odd]")
    layers = [{"type": "nowhere:a"}, {"type": "nowhere:b"}, {"type": "toy:a"}, {"type": "toy:a"}]
    with pytest.raises(SpecError) as caught:
        aezoo.read({**SPEC, "encoder": layers}, registry=fresh)
    assert "plugin 'toy' (aezoo_toy 1.0): aezoo_toy.Odd is no part" in str(caught.value)
    assert [(fault.code, fault.path) for fault in caught.value.faults] == [
        ("AZ302", ("encoder", 0)),
        ("AZ303", ("encoder", 2)),
    ]


def test_a_message_that_begins_with_the_name_of_a_class_keeps_its_capital(fresh: Registry) -> None:
    class Careful(Registry):
        def get(self, kind: str, name: str) -> type:
            if ":" in name:
                raise PluginError("Double is no part")
            return fresh.get(kind, name)

    with pytest.raises(SpecError) as caught:
        aezoo.read(SPEC, registry=Careful())
    assert caught.value.faults[0].message == "Double is no part"


# --- whose a class is -------------------------------------------------------------------------------------

REEXPORT = """
from aezoo.plugin import LazyModule, hookimpl
from {where} import {name}

class MineSpec({name}):
    '''Derived.'''

@hookimpl
def aezoo_components():
    return [{given}]
"""


def reexport(where: str, name: str, given: str) -> str:
    return REEXPORT.format(where=where, name=name, given=given)


@pytest.mark.parametrize(
    ("where", "name", "kind", "tag"),
    [
        ("aezoo.layers.basic", "LinearSpec", "layer", "linear"),
        ("aezoo.builtins.residual", "ResidualSpec", "layer", "residual"),  # in a module that nothing has imported
        ("aezoo.builtins.metrics", "SquaredErrorSpec", "metric", "squared_error"),
        ("aezoo.plugin", "ConstantSpec", "schedule", "constant"),
    ],
)
@pytest.mark.parametrize("opened", [False, True])
def test_a_plugin_cannot_take_a_class_of_the_box(
    install: Installed, fresh: Registry, where: str, name: str, kind: str, tag: str, opened: bool
) -> None:
    install(reexport(where, name, name))
    if opened:
        fresh.get(kind, tag)
    with pytest.raises(PluginError, match=f"{name} belongs to the built-in parts: derive a class of your own"):
        load(fresh, "toy")
    assert fresh.get(kind, tag).tag() == tag


def test_a_plugin_may_derive_from_a_class_of_the_box(install: Installed, fresh: Registry) -> None:
    install(reexport("aezoo.layers.basic", "LinearSpec", "MineSpec"))
    assert fresh.get("layer", "toy:linear").tag() == "toy:linear"
    assert fresh.get("layer", "linear").tag() == "linear"


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_plugin_cannot_take_a_class_of_another(install: Installed, fresh: Registry, first: str) -> None:
    install(namespace="one", name="aezoo_one")
    install(reexport("aezoo_one.layers", "DoubleSpec", "DoubleSpec"), namespace="two", name="aezoo_two")
    if first == "one":
        fresh.get("layer", "one:double")
    with pytest.raises(PluginError, match="DoubleSpec belongs to plugin 'one'"):
        fresh.get("layer", "two:double")
    assert fresh.get("layer", "one:double").tag() == "one:double"


def test_registries_of_one_process_leave_each_other_alone(install: Installed, fresh: Registry) -> None:
    install(reexport("aezoo.layers.basic", "LinearSpec", "LinearSpec"))
    other = Registry(load)
    with pytest.raises(PluginError):
        load(other, "toy")
    load(other, IN_THE_BOX)
    assert fresh.get("layer", "linear") is other.get("layer", "linear")
    assert fresh.get("layer", "linear").namespace == ""


# --- whatever a module does when it is imported -----------------------------------------------------------

UNPRINTABLE = "class E(Exception):\n    def __str__(self):\n        raise ValueError\n    __repr__ = __str__\nraise E"
BY_NAME = "def __getattr__(name):\n    raise {}"
AN_OBJECT = "class Odd:\n    def __getattr__(self, name):\n        raise SystemExit(0)\nodd = Odd()"


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("raise SystemExit(0)", r"cannot be imported: SystemExit\(0\) at .*__init__.py:1$"),
        ("raise KeyboardInterrupt", r"cannot be imported: KeyboardInterrupt\(\) at .*__init__.py:1$"),
        ("raise GeneratorExit", r"cannot be imported: GeneratorExit\(\)"),
        (
            "raise OSError(28, 'No space left on device')",
            r"cannot be imported: OSError\(28, 'No space left on device'\)",
        ),
        ("raise RuntimeError('x' * 100000)", r"cannot be imported: RuntimeError\('x{200,300}… at "),
        (UNPRINTABLE, r"cannot be imported: its text cannot be had, for ValueError at "),
        (BY_NAME.format("SystemExit(0)"), r"cannot be imported: SystemExit\(0\) at .*__init__.py:2$"),
        (BY_NAME.format("KeyboardInterrupt"), r"cannot be imported: KeyboardInterrupt\(\)"),
        (AN_OBJECT, r"'toy' \(aezoo_toy 1.0\): SystemExit\(0\) at .*__init__.py:3$"),
    ],
)
def test_whatever_an_import_raises_is_told_as_the_plugins(
    install: Installed, fresh: Registry, hooks: str, said: str
) -> None:
    install(hooks.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(PluginError, match=said):
        fresh.get("layer", "toy:double")
    assert fresh.loaded == {IN_THE_BOX}


@pytest.mark.parametrize(
    "text", ["raise KeyboardInterrupt", "raise GeneratorExit", "def __getattr__(name):\n    raise SystemExit(0)"]
)
def test_whatever_a_lazy_module_raises_is_attributed_to_its_plugin(
    install: Installed, fresh: Registry, tmp_path: Path, text: str
) -> None:
    package = install()
    (tmp_path / package / "broken.py").write_text(text, encoding="utf-8")
    with pytest.raises(PluginError, match=f"{package}.broken cannot be imported: .* at .*broken.py:"):
        fresh.get("layer", "toy:wreck")


# --- what it costs ----------------------------------------------------------------------------------------


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time the metadata of all that is installed are looked at."""
    counted: list[int] = []
    scan = entry_points._entries
    monkeypatch.setattr(entry_points, "_entries", lambda: (counted.append(1), scan())[1])
    return counted


@pytest.mark.parametrize("names", [[f"n{i}:x" for i in range(3000)], [f"nope:x{i}" for i in range(3000)]])
def test_metadata_are_looked_at_once_for_a_spec_however_many_namespaces_it_names(
    fresh: Registry, scans: list[int], names: list[str]
) -> None:
    scans.clear()
    with pytest.raises(UnmetSpec) as caught:
        aezoo.read({**SPEC, "encoder": [{"type": name} for name in names]}, registry=fresh)
    assert len(scans) == 1
    # Of one namespace one fault is reported.
    missing = [fault for fault in caught.value.faults if "no installed plugin provides" in fault.message]
    assert len(missing) == len({name.partition(":")[0] for name in names})


def test_what_is_installed_meanwhile_is_seen_by_the_next_read(install: Installed, fresh: Registry) -> None:
    with pytest.raises(UnmetSpec):
        aezoo.read(SPEC, registry=fresh)
    install()
    assert aezoo.read(SPEC, registry=fresh).encoder[0].tag() == "toy:double"


def test_metadata_are_scanned_once_within_and_not_at_all_if_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[int] = []
    monkeypatch.setattr(entry_points, "_installed", lambda: scans.append(1) or {})
    with entry_points.scanned():
        pass
    assert len(scans) == 0
    with entry_points.scanned():
        entry_points.installed()
        with entry_points.scanned():
            entry_points.installed()
        assert len(scans) == 1
    entry_points.installed()
    entry_points.installed()
    assert len(scans) == 3
