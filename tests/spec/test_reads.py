"""What layers may read: shapes that follow, and what is refused, with its place and its cure."""

from __future__ import annotations

from typing import Any

import pytest

import aezoo
from aezoo.errors import Fault, SpecError
from aezoo.spec.summary import layers, terms

Layer = dict[str, Any]


def linear(features: int, activation: str = "relu") -> Layer:
    return {"type": "linear", "features": features, "activation": activation}


def document(**changes: Any) -> dict[str, Any]:
    """Three levels, the two below the code with a posterior by an encoder layer each."""
    return {
        "name": "h",
        "input": [16],
        "encoder": [linear(12), linear(8)],
        "latent": {"type": "gaussian", "dim": 2},
        "decoder": [
            linear(8),
            {"type": "stochastic", "dim": 3, "reads": "encoder.1"},
            {"type": "join", "reads": "decoder.0"},
            {"type": "stochastic", "dim": 4, "reads": "encoder.0"},
            linear(16, "identity"),
        ],
        "likelihood": "gaussian",
        "regularizers": {"kl": {}},
        **changes,
    }


def faults(**changes: Any) -> list[Fault]:
    with pytest.raises(SpecError) as raised:
        aezoo.read(document(**changes))
    return [fault for fault in raised.value.faults if fault.level == "error"]


def only(**changes: Any) -> tuple[str, str, str, str]:
    (fault,) = faults(**changes)
    place = ".".join(map(str, fault.path))
    return place, fault.code, fault.message, fault.hint


def test_shapes_and_weights_follow_from_what_is_read():
    spec = aezoo.read(document())
    assert spec.decoder_shapes == [(2,), (8,), (3,), (11,), (4,), (16,)]
    assert spec.levels == (1, 3)
    counts = [row.parameters for row in layers(spec) if row.stage.startswith("decoder")]
    prior, posterior = (8 + 1) * 6, (8 + 8 + 1) * 6
    assert counts[:4] == [24, prior + posterior, 0, (11 + 1) * 8 + (11 + 12 + 1) * 8]


def test_the_rate_is_shown_with_all_its_levels():
    (kl,) = [term for term in terms(aezoo.read(document())) if term.name == "kl"]
    assert kl.reads == ("decoder.1", "decoder.3", "logvar", "mean")


def test_a_decoder_layer_cannot_read_the_encoder():
    place, code, message, hint = only(decoder=[linear(8), {"type": "join", "reads": "encoder.0"}, linear(16)])
    assert (place, code) == ("decoder.layers.1.reads", "AZ522")
    assert message == "where the model decodes or samples there is no encoder, and no 'encoder.0'"
    assert hint == "did you mean 'decoder.0'?"


def test_a_layer_cannot_read_what_comes_after_it():
    encoder = [linear(12), {"type": "join", "reads": "encoder.1"}, linear(8)]
    assert only(encoder=encoder)[:3] == ("encoder.1.reads", "AZ522", "there is no 'encoder.1' before this layer")


def test_the_first_layer_has_nothing_to_read():
    encoder = [{"type": "condition", "reads": "input.clean"}, linear(8)]
    place, code, _, hint = only(encoder=encoder)
    assert (place, code) == ("encoder.0.reads", "AZ522")
    assert hint.startswith("there is nothing that it can read")


def test_a_posterior_reads_the_encoder():
    decoder = [linear(8), {"type": "stochastic", "dim": 3, "reads": "decoder.0"}, linear(16)]
    place, code, message, _ = only(decoder=decoder)
    assert (place, code) == ("decoder.layers.1.reads", "AZ522")
    assert message == "a posterior is made from the encoder, and 'decoder.0' is none of its layers"


def test_a_stochastic_layer_stands_in_the_decoder():
    encoder = [linear(12), {"type": "stochastic", "dim": 3, "reads": "encoder.0"}]
    place, code, message, hint = only(encoder=encoder)
    assert (place, code) == ("encoder.1.reads", "AZ522")
    assert "it stands in the decoder" in message
    assert hint.startswith('decoder = [{ type = "stochastic"')


def test_a_layer_inside_another_reads_nothing():
    body = [{"type": "condition", "reads": "encoder.0"}]
    place, code, message, _ = only(encoder=[linear(8), {"type": "residual", "body": body}])
    assert (place, code) == ("encoder.1", "AZ401")
    assert "put it into the list of the encoder or decoder itself" in message


def test_a_tap_on_another_grid_is_refused():
    encoder = [
        {"type": "conv", "channels": 2},
        {"type": "conv", "channels": 2, "stride": 2},
        {"type": "join", "reads": "encoder.0"},
    ]
    place, code, message, _ = only(input=[1, 8, 8], encoder=encoder)
    assert (place, code) == ("encoder.2", "AZ401")
    assert message == "what it reads, 2x8x8, has another grid than what it is given, 2x4x4"


def test_levels_without_a_rate_would_not_learn_their_priors():
    found = [fault for fault in faults(regularizers={}) if fault.code == "AZ520"]
    assert [fault.path for fault in found] == [("decoder", "layers", 1), ("decoder", "layers", 3)]
    assert found[0].message == "the prior of decoder.1 learns by the rate, and no term of the loss has it"


def test_levels_need_a_code_with_a_posterior():
    assert [fault.code for fault in faults(latent={"type": "deterministic", "dim": 2})] == ["AZ501"]


def test_what_a_layer_joins_has_no_mirror():
    encoder = [linear(12), linear(8), {"type": "join", "reads": "encoder.0"}]
    place, code, message, _ = only(encoder=encoder, decoder="mirror")
    assert (place, code) == ("decoder", "AZ405")
    assert "write the decoder's layers yourself" in message


def test_a_level_of_no_width_is_refused():
    decoder = [{"type": "stochastic", "dim": 0, "reads": "encoder.1"}, linear(16)]
    assert only(decoder=decoder)[:2] == ("decoder.layers.0.dim", "AZ201")


def test_a_spec_without_reads_gives_its_layers_as_they_are_declared():
    spec = aezoo.read("variational-digits")
    assert spec.encoder_layers() == spec.encoder
    assert spec.levels == ()
