"""Reading: bundled specs, faults said all at once, shapes, fingerprints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aezoo.errors import NotFound, PluginError, SpecError
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import SpecWarning, check, read
from aezoo.reading.text import parse, to_toml


def base(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "name": "t",
        "input": [1, 28, 28],
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": 32}],
        "latent": {"type": "deterministic", "dim": 8},
    }
    return {**spec, **changes}


def faults(source: Any, **more: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(source, **more)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("name", sorted(bundled_specs()))
def test_every_bundled_spec_reads_without_a_warning_and_survives_both_spellings(name: str) -> None:
    spec, lints = check(name)
    assert not lints
    assert spec.name == name
    assert spec.description
    assert spec.license
    document = spec.document()
    assert read(document) == spec
    assert read(parse(to_toml(document).encode(), "spec.toml")) == spec
    assert read(parse(json.dumps(document).encode(), "spec.json")) == spec
    assert read(document).arch == spec.arch


def test_all_faults_are_said_at_once_each_in_its_place() -> None:
    message = faults(
        base(
            encoder=[
                {"type": "flatten"},
                {"type": "linear", "features": "many"},
                {"type": "linaer", "features": 3},
            ],
            latent={"type": "gaussian", "dim": 0},
            regularizers={"kl": {"wieght": 2.0}},
            colour="red",
        )
    )
    text = "\n".join(message)
    assert "encoder[1].features" in text
    assert "AZ301" in text
    assert "did you mean 'linear'" in text
    assert "latent.dim" in text
    assert "regularizers.kl.wieght: unknown key" in text
    assert "colour: unknown key" in text
    assert len(message) == 5


def test_a_layer_that_does_not_fit_is_named() -> None:
    (message,) = faults(base(encoder=[{"type": "conv", "channels": 8, "kernel": 99, "padding": 0}]))
    assert message.startswith("error[AZ401]: encoder[0]:")


def test_a_regularizer_whose_needs_are_not_met_is_refused() -> None:
    (message,) = faults(base(regularizers={"kl": {"weight": 1.0}}))
    assert "regularizers.kl: needs a posterior; the latent 'deterministic' provides" in message


def test_an_unknown_tap_gets_a_suggestion() -> None:
    (message,) = faults(base(regularizers={"sparsity": {"type": "l1", "on": "encodr.1"}}))
    assert "did you mean 'encoder.1'?" in message


def test_a_gaussian_latent_without_a_rate_term_is_a_warning() -> None:
    with pytest.warns(SpecWarning, match="no rate term"):
        read(base(latent={"type": "gaussian", "dim": 4}))


def test_an_absent_plugin_is_named_and_nothing_is_installed() -> None:
    with pytest.raises(PluginError, match="namespace 'nowhere'") as caught:
        read(base(encoder=[{"type": "nowhere:layer"}]))
    assert caught.value.exit_code == 4


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(NotFound) as caught:
        read("vanila-digits")
    assert caught.value.hint == "did you mean 'vanilla-digits'?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"\xff\xfe", "AZ102"),
        (b"name = ", "AZ103"),
        (b"name = 1979-05-27", "AZ106"),
        (b"x = nan", "AZ106"),
        (b"a." * 500 + b"b = 1", "AZ109"),
        (b"#" * (1 << 21), "AZ101"),
    ],
)
def test_hostile_text_is_refused_in_one_line(tmp_path: Path, text: bytes, code: str) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(text)
    (message,) = faults(path)
    assert code in message


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": null}', "[1]", "[" * 100_000])
def test_json_that_toml_cannot_say_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(text)
    (message,) = faults(path)
    assert "AZ10" in message


def test_a_spec_may_extend_a_file_beside_it_and_a_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\nextends = "vanilla-digits"\nlatent = {dim = 5}\n')
    (tmp_path / "yours.toml").write_text('name = "yours"\nextends = "mine.toml"\n')
    spec = read(tmp_path / "yours.toml", overrides=["latent.activation=tanh"])
    assert spec.name == "yours"
    assert spec.latent.dim == 5
    assert spec.document()["latent"]["activation"] == "tanh"


def test_fingerprints_ignore_names_order_and_defaults_that_are_written() -> None:
    plain = read(base())
    message = read(dict(reversed(list(plain.document().items()))) | {"name": "other", "description": "words"})
    assert (message.arch, message.run) == (plain.arch, plain.run)
    wider = read(base(latent={"type": "deterministic", "dim": 9}))
    assert wider.arch != plain.arch
    longer = read(base(training={"epochs": 3}))
    assert longer.arch == plain.arch
    assert longer.run != plain.run


def test_a_copy_with_another_latent_has_its_own_shapes_and_fingerprint() -> None:
    spec = read(base())
    _ = spec.arch, spec.decoder_shapes
    wider = spec.model_copy(update={"latent": spec.latent.model_copy(update={"dim": 9})})
    assert wider.arch == read(base(latent={"type": "deterministic", "dim": 9})).arch
    assert wider.decoder_shapes[0] == (9,)


def test_equal_specs_are_equal_and_hash_alike() -> None:
    assert read(base()) == read(base())
    assert len({read(base()), read(base()), read(base(name="other"))}) == 2


@given(
    channels=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    size=st.integers(12, 29),
    dim=st.integers(1, 9),
    upsampling=st.sampled_from(["transposed", "resize"]),
)
def test_a_mirrored_decoder_always_leads_back_to_the_input(
    channels: list[int], kernel: int, stride: int, size: int, dim: int, upsampling: str
) -> None:
    layers = [{"type": "conv", "kernel": kernel, "stride": stride, "each": {"channels": channels}}]
    source = {
        "name": "t",
        "input": [2, size, size],
        "encoder": layers,
        "latent": {"type": "deterministic", "dim": dim},
        "decoder": {"upsampling": upsampling},
    }
    refused: set[str] = set()
    try:
        spec = read(source)
    except SpecError as error:  # a kernel larger than what is left, or a stride that skips pixels
        refused = {fault.code for fault in error.faults}
    assert refused <= {"AZ401", "AZ405"}
    assert refused or spec.decoder_shapes[-1] == (2, size, size)


def test_layers_put_into_a_mirror_are_refused_instead_of_ignored() -> None:
    layers = [{"type": "linear", "features": 784}, {"type": "reshape", "shape": [1, 28, 28]}]
    assert faults(base(decoder={"type": "mirror", "layers": layers}))[0].startswith(
        "error[AZ201]: decoder: a mirror has"
    )
    assert read(base(decoder={"layers": layers})).decoder.type == "layers"


@pytest.mark.parametrize("name", ["reconstruction", "total", "a.b", ""])
def test_a_penalty_takes_a_name_of_its_own(name: str) -> None:
    assert any("AZ506" in fault for fault in faults(base(regularizers={name: {"type": "l2"}})))


def test_a_mapping_may_hold_nothing_that_a_file_could_not() -> None:
    assert "AZ106" in faults(base(input={"shape": [1, 28, 28], "range": None}))[0]
    assert read(base(input=(1, 28, 28))) == read(base())


def test_a_bounded_mean_of_standardized_values_is_a_warning() -> None:
    spec = base(
        input={"shape": [1, 28, 28], "normalize": "standardize"}, likelihood={"type": "mse", "output": "sigmoid"}
    )
    assert "cannot reach standardized values" in str(check(spec)[1][0])


def test_an_edit_of_what_an_absent_variant_may_bring_is_no_fault() -> None:
    spec = {"name": "a", "input": [4], "latent": {"type": "deterministic", "dim": 2}, "variants": ["nowhere:loud"]}
    with pytest.raises(SpecError) as caught:
        read({**spec, "encoder": {"append": [{"type": "linear", "features": 4}]}})
    assert [fault.code for fault in caught.value.faults] == ["AZ302"]
