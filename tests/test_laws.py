"""The laws: the built-in parts keep them, and each catches the parts that are made to break it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch

from aezoo.errors import PluginError, PluginMissing, UsageError
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Fragment, Registry
from aezoo.spec.component import Component
from aezoo.spec.kinds import KINDS
from aezoo.testing import Law, cases, examine, law_tests, laws
from aezoo.testing.law.cases import ALL_LAWS, KINDS_WITH_LAWS, Case
from aezoo.testing.law.imports import import_reports
from aezoo.testing.law.sample_files import with_sample_file
from aezoo.testing.law.under_test import PartUnderTest, PluginUnderTest, VariantUnderTest
from tests import wrong_parts
from tests.registries import registry_with
from tests.wrong_parts import NAMESPACE, RIGHT, WRONG, WRONG_MODULES, WRONG_VARIANTS, SquaresSpec, Wrong

PAGE = Path(__file__).resolve().parent.parent / "docs" / "laws.md"
#: Laws of the whole plugin have wrong modules instead of wrong parts.
OF_PLUGINS = {law.id for law in laws("plugin")}

test_the_built_in_parts_keep_every_law = law_tests("aezoo")


def plugin_with(*parts: type[Component], variants: dict[str, Fragment] | None = None) -> PluginUnderTest:
    """A plugin with these parts and variants."""
    return PluginUnderTest(NAMESPACE, registry_with(*parts, namespace=NAMESPACE, variants=variants))


def broken_by(part: type[Component]) -> set[str]:
    """Ids of the laws that a part breaks."""
    part_under_test = PartUnderTest(part, plugin_with(part))
    return {breach.id for law in laws(part.kind) for breach in Case(law, part_under_test).breaches()}


# --- wrong parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.law}-{wrong.part.__name__}")
def test_a_wrong_part_breaks_the_law_that_it_is_made_for_and_no_unrelated_one(wrong: Wrong) -> None:
    broken = broken_by(wrong.part)
    assert wrong.law in broken
    assert broken <= {wrong.law, *wrong.also}


@pytest.mark.parametrize("part", RIGHT, ids=lambda part: part.__name__)
def test_the_right_parts_that_the_wrong_ones_are_made_of_keep_every_law(part: type[Component]) -> None:
    assert broken_by(part) == set()


@pytest.mark.parametrize("name", WRONG_VARIANTS)
def test_a_wrong_variant_is_caught(name: str) -> None:
    plugin = plugin_with(variants={name: WRONG_VARIANTS[name]})
    (law,) = laws("variant")
    (breach,) = Case(law, VariantUnderTest(f"{NAMESPACE}:{name}", plugin)).breaches()
    assert (breach.id, breach.part) == ("L57", f"{NAMESPACE}:{name}")


def test_a_right_variant_keeps_its_law() -> None:
    plugin = plugin_with(variants={"right": wrong_parts.RIGHT_VARIANT})
    (law,) = laws("variant")
    assert Case(law, VariantUnderTest(f"{NAMESPACE}:right", plugin)).breaches() == []


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that modules are imported from."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def breaches_of_importing(modules: list[str]) -> dict[str, list[str]]:
    """Messages by law."""
    plugin = plugin_with(RIGHT[0])
    plugin.modules = modules  # type: ignore[misc]  # what is cached is a plain attribute
    return {law.id: [*law.check(plugin)] for law in laws("plugin")}


@pytest.mark.parametrize("name", WRONG_MODULES)
def test_a_module_that_does_what_no_import_may_do_is_caught(name: str, beside: Path) -> None:
    wanted, source = WRONG_MODULES[name]
    (beside / f"wrong_{name}.py").write_text(f"from aezoo.plugin import LayerSpec\n{source}\n")
    messages_of = breaches_of_importing([f"wrong_{name}"])
    assert {law for law, messages in messages_of.items() if messages} == {wanted}
    assert all(message.startswith(f"wrong_{name}") for message in messages_of[wanted])


def test_a_module_that_only_declares_keeps_the_laws_of_importing(beside: Path) -> None:
    (beside / "right_module.py").write_text("from aezoo.plugin import LayerSpec\n\nclass A(LayerSpec):\n    pass\n")
    assert not any(breaches_of_importing(["right_module"]).values())


def test_a_module_that_imports_torch_in_a_build_keeps_the_laws_of_importing() -> None:
    reports = import_reports(("aezoo.builtins", "aezoo.builtins.latents"))
    assert [seen["torch"] or seen["events"] or seen["changed"] for seen in reports.values()] == [[], []]


def test_a_plugin_that_adds_nothing_is_caught() -> None:
    (law,) = (law for law in ALL_LAWS if law.id == "L18")
    (breach,) = Case(law, plugin_with()).breaches()
    assert breach.message == "its hooks give nothing, or it has none"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("MisspeltExample", r"no small spec holds it: error\[AZ203\]: encoder\[0\]\.gian: unknown key"),
        ("HalfCounted", r"HalfCounted\.parameters at .*wrong_parts\.py:\d+ gives 8\.0, not a whole number"),
        (
            "ShapeInAList",
            r"ShapeInAList\.output_shape at .*wrong_parts\.py:\d+ gives \[4, 12, 12\], not a tuple of whole",
        ),
        ("WithoutMirror", r"AZ405.*layer 'wrong:without_mirror' has no mirror\(\)"),
    ],
)
def test_an_example_that_does_not_read_says_why_in_one_line(name: str, cause: str) -> None:
    (part,) = (wrong.part for wrong in WRONG if wrong.part.__name__ == name)
    (law,) = (law for law in ALL_LAWS if law.id == "L03")
    (breach,) = Case(law, PartUnderTest(part, plugin_with(part))).breaches()
    assert re.search(cause, breach.message)
    assert "\n" not in breach.message
    assert "without a mirror `input` and `decoder`" in breach.hint


def test_each_part_and_the_plugin_are_told_before_their_laws_are_checked() -> None:
    told: list[tuple[int, int, str]] = []
    registry = registry_with(*RIGHT[:2], namespace=NAMESPACE)
    examine(NAMESPACE, registry=registry, begin=lambda *at: told.append(at))
    names = sorted(part.tag() for part in RIGHT[:2])
    assert told == [(1, 3, names[0]), (2, 3, names[1]), (3, 3, NAMESPACE)]


def test_a_slot_of_the_base_stays_a_slot() -> None:
    class Light(SquaresSpec):
        type: Literal["light"] = "light"
        weight: float = 1.0

    with pytest.raises(PluginError, match="Light declares 'weight' anew, as float; in its base it is a ScheduleSpec"):
        registry_with(Light, namespace=NAMESPACE)


def test_every_law_catches_a_wrong_part() -> None:
    caught = {wrong.law for wrong in WRONG} | {law for law, _ in WRONG_MODULES.values()} | {"L18", "L57"}
    assert caught == {law.id for law in ALL_LAWS}


# --- what laws are checked on -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built_in() -> list[PartUnderTest]:
    """Each built-in part; its specs are made once for all tests that ask for them."""
    plugin = PluginUnderTest("aezoo")
    return [PartUnderTest(part, plugin) for part in plugin.parts]


@pytest.mark.parametrize("law", [law for law in ALL_LAWS if law.id not in OF_PLUGINS | {"L57"}], ids=lambda law: law.id)
def test_every_law_applies_to_a_built_in_part(law: Law, built_in: list[PartUnderTest]) -> None:
    parts = [tested for tested in built_in if tested.kind in law.kinds]
    assert parts
    assert all(tested.example is not None for tested in parts)


def test_settings_and_shapes_vary_and_are_the_same_every_time(registry: Registry) -> None:
    part = registry.get("layer", "conv")
    one, two = (PartUnderTest(part, PluginUnderTest("aezoo")) for _ in range(2))
    assert one.specs == two.specs
    assert len({spec.input.shape for spec in one.specs}) > 3
    assert len({str(layer) for _, _, layer in one.occurrences}) > 3


def test_every_built_in_layer_and_latent_is_checked_in_several_settings(built_in: list[PartUnderTest]) -> None:
    varied = [tested for tested in built_in if tested.kind in ("layer", "latent")]
    assert varied
    assert [tested.name for tested in varied if len(list(tested.occurrences)) < 3] == []


def test_a_law_is_checked_without_a_trace_in_the_global_generators() -> None:
    import random

    import numpy as np

    def drawn() -> tuple[float, float, float]:
        return torch.rand(()).item(), np.random.random(), random.random()

    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    before = drawn()
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
    part_under_test = PartUnderTest(default_registry().get("corruption", "mask"), PluginUnderTest("aezoo"))
    for law in laws("corruption"):
        Case(law, part_under_test).assert_holds()
    assert drawn() == before


def test_a_law_is_checked_from_the_same_seed_on_one_thread_which_is_given_back() -> None:
    seen: list[tuple[float, int]] = []

    def check(tested: PartUnderTest) -> Iterator[str]:
        seen.append((torch.rand(()).item(), torch.get_num_threads()))
        yield from ()

    part = PartUnderTest(RIGHT[0], plugin_with(RIGHT[0]))
    torch.set_num_threads(2)
    try:
        for _ in range(2):
            torch.rand(3)
            assert Case(Law("L00", ("layer",), "It is checked.", "", check), part).breaches() == []
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert seen == [seen[0]] * 2
    assert seen[0][1] == 1


# --- the public functions -------------------------------------------------------------------------------------


def test_a_case_is_a_test_with_an_id_and_says_law_and_hint_when_it_fails() -> None:
    (part,) = (wrong.part for wrong in WRONG if wrong.part.__name__ == "StuckSpec")
    tests = dict(cases(NAMESPACE, registry=registry_with(part, namespace=NAMESPACE)))
    message = r"L20 layer wrong:stuck: .*no gradient reaches its weight weight"
    with pytest.raises(AssertionError, match=message) as failure:
        tests["L20-layer-wrong:stuck"]()
    assert "\n  law: A gradient reaches" in str(failure.value)
    assert "\n  hint: look for `detach`" in str(failure.value)
    tests["L12-layer-wrong:stuck"]()


def test_examine_gives_every_breach_and_nothing_else() -> None:
    (part,) = (wrong.part for wrong in WRONG if wrong.law == "L14")
    breaches = examine(NAMESPACE, registry=registry_with(part, namespace=NAMESPACE))
    # The module of the wrong parts imports torch, as none with declarations may.
    # L50 builds a model, which is refused.
    layer = {("L14", "layer", "wrong:miscounted"), ("L50", "layer", "wrong:miscounted")}
    assert {(breach.id, breach.kind, breach.part) for breach in breaches} == {*layer, ("L08", "plugin", "wrong")}


def test_a_part_that_raises_is_a_breach_that_says_where() -> None:
    (part,) = (wrong.part for wrong in WRONG if wrong.part.__name__ == "PeekingSpec")
    (law,) = (law for law in ALL_LAWS if law.id == "L11")
    (breach,) = Case(law, PartUnderTest(part, plugin_with(part))).breaches()
    assert re.match(r"RuntimeError in Peeking\.forward at .*wrong_parts\.py:\d+: .*meta", breach.message)


def test_a_plugin_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(PluginMissing):
        examine("nobody_has_this")


def test_laws_are_listed_by_kind_and_an_unknown_kind_is_refused() -> None:
    assert "L43" in {law.id for law in laws("corruption")}
    with pytest.raises(UsageError, match="'lair'"):
        laws("lair")


def test_a_dataset_whose_file_nobody_can_make_is_left_alone(registry: Registry, tmp_path: Path) -> None:
    arrays = registry.get("dataset", "arrays")
    assert with_sample_file(arrays(path="samples.h5"), tmp_path) is None
    made = with_sample_file(arrays(path="samples.npz", key="x"), tmp_path)
    assert made.load().shape == (1, 12, 12)
    assert with_sample_file(made, tmp_path / "elsewhere") is made


# --- the page ---------------------------------------------------------------------------------------------------


def test_ids_are_unique_and_every_law_says_what_to_do() -> None:
    assert len({law.id for law in ALL_LAWS}) == len(ALL_LAWS)
    for law in ALL_LAWS:
        assert re.fullmatch(r"L\d\d", law.id)
        assert law.says.endswith(".")
        assert law.hint
        assert set(law.kinds) <= set(KINDS_WITH_LAWS)
    assert all(laws(kind) for kind in KINDS_WITH_LAWS)


def of(law: Law) -> str:
    """The kinds of a law in words."""
    missing = [kind for kind in KINDS if kind not in law.kinds]
    if len(missing) > 1:
        return ", ".join(law.kinds)
    return "every part" + "".join(f" but a {kind}" for kind in missing)


def test_the_page_of_laws_has_a_row_for_each(golden: bool) -> None:
    rows = "\n".join(f"| {law.id} | {of(law)} | {law.says} | {law.hint} |" for law in ALL_LAWS)
    text = PAGE.read_text(encoding="utf-8")
    head, mark, rest = text.partition("| law | of | says | if it is broken |\n|---|---|---|---|\n")
    tail = rest[rest.index("\n\n") :]
    if golden:
        PAGE.write_text(f"{head}{mark}{rows}{tail}", encoding="utf-8", newline="\n")
    assert f"{mark}{rows}{tail}" in PAGE.read_text(encoding="utf-8"), "pytest tests/test_laws.py --golden writes it"
