"""Parts by kind and type: loud on a clash, helpful on a miss, imported when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic_core import PydanticCustomError

from aezoo.errors import PluginError
from aezoo.plugin import Component, Field, LayerSpec, LazyModule, Room
from aezoo.registry.registry import Registry

DOUBLE = """
from typing import Literal
from aezoo.plugin import LayerSpec

class DoubleSpec(LayerSpec):
    '''Twice the value.'''
    type: Literal["double"] = "double"

class HalfSpec(LayerSpec):
    '''Half the value.'''
    type: Literal["half"] = "half"

COMPONENTS = [DoubleSpec, HalfSpec]
"""

Written = Callable[[str], str]


class PlainSpec(LayerSpec):
    """A layer."""

    type: Literal["plain"] = "plain"


class OtherPlainSpec(LayerSpec):
    """Another of the same name."""

    type: Literal["plain"] = "plain"


class FancySpec(LayerSpec):
    """A layer of another name."""

    type: Literal["fancy"] = "fancy"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """Writes a module that can be imported; returns its name."""
    name = f"module_{tmp_path.name}"

    def write(text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    sys.modules.pop(name, None)


def test_a_part_is_found_by_its_kind_and_type() -> None:
    registry = Registry()
    registry.add([PlainSpec, FancySpec])
    assert registry.get("layer", "plain") is PlainSpec
    assert registry.names("layer") == ["fancy", "plain"]
    assert registry.names("latent") == []
    assert list(registry.parts()) == [FancySpec, PlainSpec]


@pytest.mark.parametrize(
    ("name", "hint"), [("plane", "did you mean 'plain'?"), ("xylophone", "there are: fancy, plain")]
)
def test_an_unknown_name_is_answered_with_the_nearest_or_with_all(name: str, hint: str) -> None:
    registry = Registry()
    registry.add([PlainSpec, FancySpec])
    with pytest.raises(PydanticCustomError, match=f"no layer is called '{name}'") as caught:
        registry.get("layer", name)
    assert caught.value.context is not None
    assert caught.value.context["hint"] == hint


def test_a_clash_names_both_and_leaves_nothing_of_the_call_behind() -> None:
    registry = Registry()
    registry.add([PlainSpec])
    with pytest.raises(PluginError, match="two parts claim layer 'plain'"):
        registry.add([FancySpec, OtherPlainSpec], variants={"loud": {}})
    assert registry.names("layer") == ["plain"]
    assert registry.get("layer", "plain") is PlainSpec
    assert registry.variants() == []
    assert "namespace" not in vars(OtherPlainSpec)


def test_the_same_part_may_be_registered_twice() -> None:
    registry = Registry()
    registry.add([PlainSpec])
    registry.add([PlainSpec])
    assert registry.names("layer") == ["plain"]


def test_a_variant_whose_name_is_taken_leaves_nothing_of_the_call_behind() -> None:
    registry = Registry()
    registry.add([], variants={"loud": {"corruption": ["mask"]}})
    with pytest.raises(PluginError, match="two variants are called 'loud'"):
        registry.add([PlainSpec], variants={"quiet": {}, "loud": {}})
    assert registry.names("layer") == []
    assert registry.variants() == ["loud"]
    assert registry.variant("loud") == {"corruption": ["mask"]}


def test_a_variant_that_is_no_table_is_refused() -> None:
    with pytest.raises(PluginError, match="variant 'loud' is no table"):
        Registry().add([], variants={"loud": ["mask"]})  # type: ignore[dict-item]


# --- lazy modules -----------------------------------------------------------------------------------------


def test_a_module_is_imported_when_one_of_its_parts_is_asked_for_and_not_before(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, layer=("double", "half")), PlainSpec])
    assert registry.names("layer") == ["double", "half", "plain"]
    assert registry.get("layer", "plain") is PlainSpec
    with pytest.raises(PydanticCustomError):
        registry.get("layer", "doubel")
    assert module not in sys.modules
    assert registry.get("layer", "double").__name__ == "DoubleSpec"
    assert registry.get("layer", "half") is sys.modules[module].HalfSpec


def test_asking_for_all_parts_imports_every_module(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, layer=("double", "half"))])
    assert [part.tag() for part in registry.parts()] == ["double", "half"]


def test_a_part_of_a_plugins_module_has_the_namespace_of_the_plugin(written: Written) -> None:
    registry = Registry()
    registry.add([LazyModule(written(DOUBLE), layer=("double", "half"))], namespace="toy")
    assert registry.names("layer") == ["toy:double", "toy:half"]
    assert registry.get("layer", "toy:half").tag() == "toy:half"


def test_a_module_of_one_part_may_name_it_without_a_tuple() -> None:
    assert LazyModule("anywhere", layer="plain").announced == {("layer", "plain")}


def test_a_clash_with_an_announced_part_is_found_without_an_import(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, layer=("double", "half"))])
    with pytest.raises(PluginError, match=f"two parts claim layer 'half': {module}, elsewhere"):
        registry.add([LazyModule("elsewhere", layer="half")])
    assert module not in sys.modules


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        (("double", "half", "third"), "no layer 'third'"),
        (("double",), "layer 'half' unannounced"),
        (("double", "hlaf"), "no layer 'hlaf', layer 'half' unannounced"),
    ],
)
def test_a_module_that_defines_something_else_than_announced_adds_nothing(
    written: Written, announced: tuple[str, ...], message: str
) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, layer=announced)])
    for _ in range(2):
        with pytest.raises(PluginError, match=f"{module} does not define what was announced: {message}$"):
            registry.get("layer", "double")
    assert "namespace" not in vars(sys.modules[module].DoubleSpec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(3)", r"SystemExit\(3\)"),
        ("import no_such_module_at_all", "no_such_module_at_all"),
        ("", "does not define what was announced: no layer 'double', no layer 'half'"),
        ("COMPONENTS = 1", "COMPONENTS is no list of declarations"),
        ("COMPONENTS = [1]", "1 is no part"),
        (f"{DOUBLE}\nCOMPONENTS += [type('TwiceSpec', (DoubleSpec,), {{}})]", "two parts claim layer 'double'"),
    ],
)
def test_a_broken_module_is_an_error_of_its_plugin_when_it_is_asked_for(written: Written, text: str, said: str) -> None:
    registry = Registry()
    registry.add([LazyModule(written(text), layer=("double", "half")), PlainSpec])
    with pytest.raises(PluginError, match=said):
        registry.get("layer", "half")
    assert registry.get("layer", "plain") is PlainSpec


def test_a_module_without_a_list_adds_what_it_defines(written: Written) -> None:
    module = written(DOUBLE.replace("COMPONENTS = [DoubleSpec, HalfSpec]", "from aezoo.layers.basic import LinearSpec"))
    registry = Registry()
    registry.add([LazyModule(module, layer=("double", "half"))], namespace="toy")
    assert registry.get("layer", "toy:half").__module__ == module
    assert registry.names("layer") == ["toy:double", "toy:half"]


def test_a_declaration_that_was_left_out_of_the_names_of_its_module_is_an_error(written: Written) -> None:
    module = written(DOUBLE.replace("COMPONENTS = [DoubleSpec, HalfSpec]", ""))
    registry = Registry()
    registry.add([LazyModule(module, layer="double")])
    with pytest.raises(PluginError, match="layer 'half' unannounced"):
        registry.get("layer", "double")


def test_a_module_of_a_kind_is_imported_when_no_module_before_it_defines_the_part(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule("aezoo.layers.basic", "layer"), LazyModule(module, "layer")])
    assert registry.get("layer", "linear").__name__ == "LinearSpec"
    assert module not in sys.modules
    assert registry.get("layer", "half") is sys.modules[module].HalfSpec


def test_the_names_of_a_kind_are_those_of_all_its_modules_and_of_no_other(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, "layer"), LazyModule("nowhere", "latent")])
    assert registry.names("layer") == ["double", "half"]


def test_asking_for_all_parts_imports_the_modules_of_every_kind(written: Written) -> None:
    registry = Registry()
    registry.add([LazyModule(written(DOUBLE), "layer")])
    assert [part.tag() for part in registry.parts()] == ["double", "half"]


def test_a_part_is_looked_for_in_the_modules_of_its_own_plugin(written: Written) -> None:
    registry = Registry()
    registry.add([LazyModule("nowhere", "layer")], namespace="broken")
    registry.add([LazyModule(written(DOUBLE), "layer")], namespace="toy")
    assert registry.get("layer", "toy:half").tag() == "toy:half"
    with pytest.raises(PydanticCustomError, match="no layer is called 'toy:hlaf'") as caught:
        registry.get("layer", "toy:hlaf")
    assert caught.value.context is not None
    assert caught.value.context["hint"] == "did you mean 'toy:half'?"
    for _ in range(2):
        with pytest.raises(PluginError, match="nowhere cannot be imported"):
            registry.get("layer", "broken:half")
    with pytest.raises(PluginError, match="nowhere cannot be imported"):
        list(registry.parts())


def test_two_modules_of_a_kind_may_not_define_the_same_part(written: Written) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([PlainSpec, LazyModule(module, "layer")])
    twin = type("TwinSpec", (LayerSpec,), {"__annotations__": {"type": str}, "type": "half", "__module__": __name__})
    registry.add([twin])
    with pytest.raises(PluginError, match=f"two parts claim layer 'half': {__name__}, {module}"):
        registry.get("layer", "double")


@pytest.mark.parametrize(
    ("kinds", "names", "message"),
    [
        (["latent"], {}, "no latent, layer 'double' unannounced, layer 'half' unannounced"),
        (["layer"], {"latent": "ring"}, "no latent 'ring'"),
        (["layer", "latent"], {}, "no latent"),
    ],
)
def test_a_module_that_defines_other_kinds_than_announced_adds_nothing(
    written: Written, kinds: list[str], names: dict[str, str], message: str
) -> None:
    module = written(DOUBLE)
    registry = Registry()
    registry.add([LazyModule(module, *kinds, **names)])
    with pytest.raises(PluginError, match=f"{module} does not define what was announced: {message}$"):
        list(registry.parts())
    assert registry.names("layer") == []


@pytest.mark.parametrize("module", [LazyModule("anywhere", layr="plain"), LazyModule("anywhere", "layr")])
def test_a_module_of_an_unknown_kind_is_refused(module: LazyModule) -> None:
    with pytest.raises(PluginError, match="anywhere announces a part of kind 'layr'; the kinds are layer, latent"):
        Registry().add([module])


def test_room_is_the_former_name_of_a_lazy_module() -> None:
    assert Room is LazyModule


# --- admission --------------------------------------------------------------------------------------------


def test_a_part_of_one_namespace_is_not_renamed_by_another() -> None:
    class OwnedSpec(LayerSpec):
        """A layer of somebody."""

        type: Literal["owned"] = "owned"

    registry = Registry()
    registry.add([OwnedSpec], namespace="mine")
    with pytest.raises(PluginError, match="OwnedSpec belongs to plugin 'mine': derive a class of your own"):
        registry.add([OwnedSpec], namespace="theirs")
    assert OwnedSpec.tag() == "mine:owned"

    class DerivedSpec(OwnedSpec):
        """A layer of somebody else."""

    registry.add([DerivedSpec], namespace="theirs")
    assert (DerivedSpec.tag(), OwnedSpec.tag()) == ("theirs:owned", "mine:owned")


@pytest.mark.parametrize("thing", [LayerSpec, Component, int, "plain", None])
def test_what_is_no_part_is_refused(thing: object) -> None:
    with pytest.raises(PluginError, match="is no part: derive it from a base"):
        Registry().add([thing])  # type: ignore[list-item]


def test_a_part_without_a_type_is_refused() -> None:
    class NamelessSpec(LayerSpec):
        """A layer."""

    with pytest.raises(PluginError, match="NamelessSpec names no type"):
        Registry().add([NamelessSpec])


@pytest.mark.parametrize("name", ["each", "model_size"])
def test_a_field_with_a_reserved_name_is_refused(name: str) -> None:
    namespace = {"__annotations__": {"type": Literal["odd"], name: int}, "type": "odd", name: 1, "__module__": __name__}
    part = type("OddSpec", (LayerSpec,), namespace)
    with pytest.raises(PluginError, match=f"OddSpec has a field called '{name}'"):
        Registry().add([part])


def test_a_field_may_not_be_called_by_a_reserved_name_in_a_spec_either() -> None:
    class OddSpec(LayerSpec):
        """A layer."""

        type: Literal["odd"] = "odd"
        number: int = Field(1, alias="each")

    with pytest.raises(PluginError, match="OddSpec has a field called 'each'"):
        Registry().add([OddSpec])
