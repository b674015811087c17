"""Laws of whole specs, over specs that are made up from the registered parts themselves."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import warnings
from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import aezoo
from aezoo.building.builder import assemble, build, objective_of, skeleton, verify
from aezoo.cli.faults import human
from aezoo.cli.show import formula
from aezoo.errors import AezooError, KeyPath, SpecError
from aezoo.nn.autoencoder import Autoencoder
from aezoo.nn.objective import Noise
from aezoo.reading.provenance import plain
from aezoo.reading.reader import SpecWarning
from aezoo.reading.resolver import Resolver
from aezoo.reading.text import parse, to_toml
from aezoo.registry.loader import default_registry
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.spec.kinds import MetricSpec, RegularizerSpec
from aezoo.spec.limits import DEFAULT_LIMITS, size_of
from aezoo.spec.summary import layers
from aezoo.storage.card import card
from aezoo.testing import Document, parts_of, specs
from aezoo.testing.law.batch_fields import same_fields
from tests.defects import mutated, nonsense
from tests.registries import built_in

GENERATED = settings(
    deadline=None, derandomize=True, database=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck)
)
FEW, MANY = settings(GENERATED, max_examples=150), settings(GENERATED, max_examples=10_000)
#: Weights and values of a sample together, of a model that is run on values.
SMALL = 1_000_000
CODE = re.compile(r"AZ[1-7]\d\d")
#: The built-in parts alone: what else is installed here is drawn in the long sweeps, and by a plugin's own tests.
BUILT_IN = default_registry.__wrapped__()
#: Of the kinds that a spec names.
PARTS = [part for part in BUILT_IN.parts() if part.kind != MetricSpec.kind]


def read(document: Document) -> Spec:
    """As `aezoo.read`, without what it would have the author look at again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        return aezoo.read(document)


# --- laws -----------------------------------------------------------------------------------------------------------


def the_laws_hold(spec: Spec) -> None:
    reads_back_equal(spec)
    builds_as_declared(spec)
    assert card(spec)
    assert formula(spec).startswith("loss = ")
    assert sum(row.parameters for row in layers(spec)) == spec.parameters


def reads_back_equal(spec: Spec) -> None:
    document = spec.document()
    toml, text = to_toml(document), to_json(document)
    assert tomllib.loads(toml) == json.loads(text) == document
    assert parse(toml.encode(), "a.toml") == parse(text.encode(), "a.json") == document
    again = read(document)
    assert again == spec
    assert (again.arch, again.run) == (spec.arch, spec.run)
    assert to_toml(again.document()) == toml


@torch.no_grad()
def builds_as_declared(spec: Spec) -> None:
    verify(spec)
    # On the meta device a step of a recurrent network takes a millisecond: small models are run on values.
    size = size_of(spec)
    small = size.parameters + size.activations < SMALL
    network = (assemble(spec) if small else skeleton(spec)).eval()
    x = torch.zeros(2, *spec.input.shape, device="cpu" if small else "meta", dtype=dtype_of(spec))
    out = network(x, fields=same_fields(spec, x))
    assert out.code.z.shape == (2, *spec.code_shape)
    assert network.decode(out.code.z, out.fields).shape == (2, *spec.target_shape)
    assert network.likelihood.nll(out.raw, out.target).shape == (2,)
    assert sum(p.numel() for p in network.parameters()) == spec.parameters
    assert sum(p.numel() for p in skeleton(spec).parameters()) == spec.parameters
    takes_larger_samples(spec, network, x.device)


@torch.no_grad()
def takes_larger_samples(spec: Spec, network: Autoencoder, device: torch.device) -> None:
    if (multiple := spec.input.multiple) is None:
        return
    larger = spec.at((spec.input.shape[0], *(n + multiple for n in spec.input.shape[1:])))
    x = torch.zeros(2, *larger.input.shape, device=device, dtype=dtype_of(spec))
    out = network(x)
    assert out.code.z.shape == (2, *larger.code_shape)
    assert network.decode(out.code.z).shape == x.shape
    assert network.likelihood.nll(out.raw, x).shape == (2,)


def trains_and_samples(spec: Spec) -> None:
    """One step: through corruption, penalties and constraints; then what a trained model is asked for."""
    model, noise = build(spec, seed=0), torch.Generator().manual_seed(0)
    objective = objective_of(model, steps=10).to(dtype_of(spec)).train()
    low, high = spec.input.range or (0.0, 1.0)
    x = (low + (high - low) * torch.rand(4, *spec.input.shape, generator=noise, dtype=torch.double)).to(dtype_of(spec))
    fields = same_fields(spec, x)
    total = objective(x, objective.players[0], 0, Noise(noise, noise), fields).total
    assert total.isfinite()
    total.backward()
    objective.project()
    with torch.no_grad():
        out = model.network.eval()(x, fields=fields)
        assert model.network.likelihood.sample(out.raw, noise).shape == out.target.shape
        if prior := model.network.prior:
            prior.fit(out.code.z)
            assert prior.sample(3, noise).shape == (3, *spec.code_shape)
            assert prior.log_prob(out.code.z).shape == (4,)


def dtype_of(spec: Spec) -> torch.dtype:
    return torch.float64 if spec.training.precision == "float64" else torch.float32


def is_refused_in_words_or_keeps_the_laws(document: Document) -> None:
    outcome = outcome_of(document)
    if isinstance(outcome, Spec):
        the_laws_hold(outcome)
        return
    assert outcome.faults
    for fault in outcome.faults:
        assert CODE.fullmatch(fault.code)
        assert fault.message.strip()
        assert leads_somewhere(fault.path, document), fault
    assert all(line.isprintable() for line in human(outcome.faults, outcome.source)), outcome


def outcome_of(document: Document) -> Spec | SpecError:
    try:
        return read(document)
    except SpecError as error:
        return error


def leads_somewhere(path: KeyPath, document: Document) -> bool:
    """Whether all of a path but its last step, which may be what is missing, can be followed: in the document, or in
    the one that it makes with its macros."""
    if followed(path[:-1], document):
        return True
    resolved = Resolver(default_registry(), limits=DEFAULT_LIMITS).resolve(document)
    return followed(path[:-1], plain(resolved.tree))


def followed(path: KeyPath, here: object) -> bool:
    for step in path:
        if isinstance(here, list) and isinstance(step, str):
            continue  # a list is short for a table that holds it: `input = [1, 28, 28]`
        within = step in here if isinstance(here, dict) else isinstance(here, list) and step < len(here)
        if not within:
            return False
        here = here[step]  # type: ignore[index]
    return True


# --- over generated specs -------------------------------------------------------------------------------------------


@FEW
@given(specs(BUILT_IN))
def test_a_generated_spec_keeps_the_laws(document):
    the_laws_hold(read(document))


@FEW
@given(mutated(specs(BUILT_IN)))
def test_a_spec_with_defects_is_refused_in_words_or_keeps_the_laws(document):
    is_refused_in_words_or_keeps_the_laws(document)


@FEW
@given(nonsense())
def test_nonsense_is_refused_in_words(document):
    is_refused_in_words_or_keeps_the_laws(document)


@settings(GENERATED, max_examples=150)
@given(specs(BUILT_IN))
def test_a_generated_spec_trains_and_samples(document):
    trains_and_samples(read(document))


@settings(GENERATED, max_examples=150)
@given(specs(BUILT_IN), st.sampled_from(["transposed", "resize"]))
def test_a_tied_decoder_is_refused_or_keeps_the_laws(document, upsampling):
    is_refused_in_words_or_keeps_the_laws({**document, "decoder": {"tied": True, "upsampling": upsampling}})


@pytest.mark.slow
@MANY
@given(specs())
def test_many_generated_specs_keep_the_laws(document):
    the_laws_hold(read(document))


@pytest.mark.slow
@MANY
@given(mutated(specs()))
def test_many_specs_with_defects_are_refused_in_words_or_keep_the_laws(document):
    is_refused_in_words_or_keeps_the_laws(document)


@pytest.mark.slow
@MANY
@given(nonsense())
def test_much_nonsense_is_refused_in_words(document):
    is_refused_in_words_or_keeps_the_laws(document)


@pytest.mark.slow
@settings(GENERATED, max_examples=3000)
@given(specs())
def test_many_generated_specs_train_and_sample(document):
    trains_and_samples(read(document))


# --- what is generated ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.kind} {part.tag()}")
def test_every_registered_part_can_be_asked_for_and_its_specs_keep_the_laws(part):
    seen = []

    @settings(GENERATED, max_examples=3, phases=[Phase.generate])
    @given(specs(BUILT_IN, containing=part))
    def draw(document):
        spec = read(document)
        seen.append(any(type(one) is part for one in parts_of(spec)))
        the_laws_hold(spec)

    draw()
    assert seen
    assert all(seen)


def test_the_parts_of_a_kind_can_be_chosen():
    chosen = [BUILT_IN.get("likelihood", "huber"), BUILT_IN.get("likelihood", "laplace")]
    tags = set()

    @settings(GENERATED, max_examples=20, phases=[Phase.generate])
    @given(specs(BUILT_IN, parts=chosen))
    def draw(document):
        tags.add(read(document).likelihood.tag())

    draw()
    assert tags == {"huber", "laplace"}


@pytest.mark.slow
def test_every_registered_part_occurs_by_itself():
    seen = Counter()

    @settings(GENERATED, max_examples=5000, phases=[Phase.generate])
    @given(specs(BUILT_IN))
    def draw(document):
        seen.update({type(part) for part in parts_of(read(document))})

    draw()
    assert not [part.tag() for part in PARTS if not seen[part]]


def test_two_of_three_drafts_become_specs(monkeypatch):
    from aezoo.testing.generate import document as generation

    drafts, finished = Counter(), Counter()
    draft = generation.Draft
    monkeypatch.setattr(generation, "Draft", lambda *arguments: drafts.update(["one"]) or draft(*arguments))

    @settings(GENERATED, max_examples=150, phases=[Phase.generate])
    @given(specs(BUILT_IN))
    def draw(document):
        finished.update(["one"])

    draw()
    assert finished["one"] > drafts["one"] * 2 / 3


def test_a_mutation_changes_most_documents():
    outcomes = Counter()

    @settings(GENERATED, max_examples=150, phases=[Phase.generate])
    @given(mutated(specs(BUILT_IN)))
    def draw(document):
        outcomes[type(outcome_of(document))] += 1

    draw()
    assert outcomes[Spec] > 2  # some defects are none
    assert outcomes[SpecError] > 100


def test_a_part_of_a_test_s_own_is_drawn_from_its_declaration():
    from typing import Literal

    from aezoo.plugin import Field
    from aezoo.spec.kinds import ScheduleSpec

    class OwnSpec(RegularizerSpec):
        type: Literal["own"] = "own"
        size: int = Field(ge=3, le=12, multiple_of=3)
        share: float = Field(gt=0, lt=1)
        mode: Literal["a", "b"] = "a"
        speed: ScheduleSpec = Field(0.5)
        names: dict[str, float] = Field(default_factory=dict)

        def build(self, shape):
            return torch.nn.Identity()

    own = built_in()
    own.add([OwnSpec])
    drawn = []

    # What Hypothesis draws depends on the constants in the source of aezoo, too: enough for every choice to be drawn.
    @settings(GENERATED, max_examples=100, phases=[Phase.generate])
    @given(specs(own, containing=OwnSpec))
    def draw(document):
        drawn.extend(table for name, table in document["regularizers"].items() if table.get("type", name) == "own")

    draw()
    assert {table["size"] for table in drawn} == {3, 6, 9, 12}
    assert all(0 < table["share"] < 1 for table in drawn)
    assert {table.get("mode", "a") for table in drawn} == {"a", "b"}


def test_without_hypothesis_a_strategy_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(AezooError, match="needs hypothesis") as refusal:
        specs()
    assert refusal.value.hint == "pip install hypothesis"


def test_a_document_without_anything_in_it_has_nowhere_for_a_defect():
    @settings(GENERATED, max_examples=5, phases=[Phase.generate])
    @given(mutated(st.just({})))
    def draw(document):
        assert document == {}

    draw()
