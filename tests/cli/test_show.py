"""`aezoo show`: layers, loss and memory, each shown without torch and compared here with what torch does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch
from pydantic import BeforeValidator

import aezoo as zoo
from aezoo.building.builder import skeleton
from aezoo.cli import output
from aezoo.cli.show import formula
from aezoo.plugin import LayerSpec, Shape, as_tuple
from aezoo.reading.bundled import bundled_specs
from aezoo.reading.reader import read
from aezoo.registry.loader import default_registry
from aezoo.registry.registry import Registry
from aezoo.spec.canonical import to_json
from aezoo.spec.document import Spec
from aezoo.spec.kinds import OptimizerSpec
from aezoo.spec.limits import size_of
from aezoo.spec.memory import memory
from aezoo.spec.summary import Row, layers, terms
from aezoo.storage.config_json import manifest
from tests.registries import registry_with

Run = Callable[..., Any]

SMALL: dict[str, Any] = {
    "name": "small",
    "input": [1, 8, 8],
    "encoder": [{"type": "conv", "channels": 4, "stride": 2}],
    "latent": {"type": "gaussian", "dim": 3},
    "regularizers": {"kl": {"weight": 1.0}},
}
#: With a decoder of its own, for encoders without a mirror.
OWN: dict[str, Any] = {
    **SMALL,
    "decoder": [{"type": "linear", "features": 64, "activation": "identity"}, {"type": "reshape", "shape": [1, 8, 8]}],
}


class TwiceSpec(LayerSpec):
    """A plugin's layer: its body, fed with the input joined to itself, which nobody else can know."""

    type: Literal["twice"] = "twice"
    body: Annotated[tuple[LayerSpec, ...], BeforeValidator(as_tuple)] = ()

    def output_shape(self, shape: Shape) -> Shape:
        return shape


@pytest.fixture
def plugged() -> Registry:
    """The built-in parts and one of a plugin."""
    return registry_with(TwiceSpec, namespace="more")


def flattened(rows: Any) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from flattened(row.body)


# --- layers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", bundled_specs())
def test_parameters_are_those_of_the_built_network_layer_by_layer(name: str) -> None:
    spec = read(name)
    network = skeleton(spec)
    for row in flattened(layers(spec)):
        if not row.stage.startswith("corruption"):
            assert row.parameters == sum(p.numel() for p in network.get_submodule(row.stage).parameters()), row.stage
    assert sum(row.parameters for row in layers(spec)) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", bundled_specs())
def test_layers_are_called_by_their_taps_and_have_their_shapes(name: str) -> None:
    spec = read(name)
    shapes = {row.stage: row.shape for row in layers(spec)}
    for tap, shape in spec.taps.items():
        if tap.startswith(("encoder.", "decoder.")) or tap == "latent":
            assert shapes[tap] == shape


def test_what_a_layer_holds_stands_below_it_and_is_counted_once(aezoo: Run) -> None:
    document = json.loads(aezoo("show", "vdc-digits", "--json").out)
    residual = document["layers"][1]
    assert (residual["stage"], residual["layer"]) == ("encoder.1", "residual")
    assert [inner["stage"] for inner in residual["body"]] == ["encoder.1.body.0", "encoder.1.body.1"]
    assert residual["parameters"] == sum(inner["parameters"] for inner in residual["body"])
    assert sum(layer["parameters"] for layer in document["layers"]) == document["parameters"]
    lines = aezoo("show", "vdc-digits").out.splitlines()
    assert any(line.startswith("  body.0  ") for line in lines)


def test_a_tied_decoder_has_nothing_but_its_biases() -> None:
    spec = read("contractive-digits")
    assert {row.stage: row.parameters for row in layers(spec)}["decoder.0"] == 784


def test_what_a_tied_layer_holds_borrows_too() -> None:
    block = {"type": "residual", "body": [{"type": "linear", "features": 6}]}
    latent = {"type": "deterministic", "dim": 3}
    spec = read({"name": "t", "input": [6], "encoder": [block], "latent": latent, "decoder": {"tied": True}})
    network = skeleton(spec)
    for row in flattened(layers(spec)):
        assert row.parameters == sum(p.numel() for p in network.get_submodule(row.stage).parameters()), row.stage


def test_the_provider_is_told_where_a_plugin_takes_part(
    aezoo: Run, plugged: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read({**OWN, "encoder": [{"type": "more:twice"}]}, registry=plugged)
    monkeypatch.setattr(zoo, "read", lambda *_, **__: spec)
    out = aezoo("show", "anything").out
    assert out.splitlines()[3].endswith("provider")
    assert "come from aezoo, more" in out
    assert [row.provider for row in layers(spec) if row.layer == "more:twice"] == ["more"]


def test_a_body_whose_input_only_its_layer_knows_is_left_out(plugged: Registry) -> None:
    twice = {"type": "more:twice", "body": [{"type": "linear", "features": 2}]}
    (row, *_) = layers(read({**OWN, "encoder": [twice]}, registry=plugged))
    assert (row.layer, row.body) == ("more:twice", ())


# --- the loss -----------------------------------------------------------------------------------------------


def test_the_loss_is_a_formula_of_terms_weights_and_what_they_read() -> None:
    sparsity = {"type": "l1", "weight": 0.1, "on": "encoder.0"}
    ramp = {"type": "linear", "end": 2.0, "steps": 10}
    spec = read({**SMALL, "likelihood": "bernoulli", "regularizers": {"kl": {"weight": ramp}, "sparsity": sparsity}})
    assert formula(spec) == (
        "loss = reconstruction (bernoulli) + linear(start=0.0, end=2.0, steps=10, delay=0) * kl (of logvar, mean)"
        " + 0.1 * sparsity (l1 of encoder.0)"
    )


def test_a_term_on_the_latent_says_which_of_its_values_it_reads() -> None:
    spec = read("denoising-sparse-convolutional-variational")
    assert {term.name: term.reads for term in terms(spec)} == {
        "reconstruction": ("output", "input.clean"),
        "kl": ("logvar", "mean"),
        "sparsity": ("mean",),
    }
    assert [term.reads for term in terms(read("l1-digits"))][1] == ("latent",)


# --- the memory ---------------------------------------------------------------------------------------------


def values(out: Any) -> int:
    return sum(part.numel() for part in out) if isinstance(out, tuple) else int(out.numel())


@pytest.mark.parametrize("name", [name for name in bundled_specs() if name != "variational-sequence"])
def test_activations_are_what_hooks_count_in_a_real_pass(name: str) -> None:
    spec, batch = read(name), 2
    network = zoo.build(spec).network.eval()
    seen: list[int] = []
    stages = [row.stage for row in flattened(layers(spec)) if row.stage.startswith(("encoder", "latent", "decoder"))]
    for stage in stages:
        network.get_submodule(stage).register_forward_hook(lambda _module, _given, out: seen.append(values(out)))
    fields = fields_of(spec, batch)
    with torch.no_grad():
        raw = network(torch.rand(batch, *spec.input.shape), fields=fields).raw
    assert len(seen) == len(stages)
    beside = sum(value.numel() for value in fields.values())
    assert 4 * (sum(seen) + raw.numel() + beside) == batch * memory(spec).activations


def fields_of(spec: Spec, batch: int) -> dict[str, torch.Tensor]:
    """The first class, or zeros, of every field that the spec declares."""
    kinds = {name: torch.int64 if field.classes else torch.float32 for name, field in spec.fields.items()}
    return {name: torch.zeros(batch, *spec.fields[name].sample_shape, dtype=kind) for name, kind in kinds.items()}


@pytest.mark.parametrize("name", bundled_specs())
def test_activations_are_of_the_order_of_what_a_backward_pass_keeps(name: str) -> None:
    spec, batch = read(name), 16
    network = zoo.build(spec).network.train()
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    x, generator = torch.rand(batch, *spec.input.shape), torch.Generator().manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = network(x, None, generator, fields=fields_of(spec, batch))
        _loss = network.likelihood.nll(out.raw, x).mean()  # held, or what is kept would go
    # A ReLU and the map after it share what they keep: half. A norm and a SiLU keep two values more: twice.
    ratio = sum(storage.nbytes() for storage in kept.values()) / (batch * memory(spec).activations)
    assert 0.4 < ratio < 2.5


@pytest.mark.parametrize("name", bundled_specs())
def test_weights_take_the_bytes_that_they_take(name: str) -> None:
    spec = read(name)
    taken = sum(p.numel() * p.element_size() for p in skeleton(spec).parameters())
    assert (memory(spec).weights, memory(spec).gradients) == (taken, taken)


@pytest.mark.parametrize(("precision", "weight", "value"), [("float64", 8, 8), ("bfloat16", 4, 2)])
def test_precision_counts(precision: str, weight: int, value: int) -> None:
    spec = read({**SMALL, "training": {"precision": precision, "ema": 0.9}})
    needed = memory(spec)
    assert needed.weights == needed.averages == spec.parameters * weight
    assert needed.activations == size_of(spec).activations * value
    assert needed.batch == 128 * needed.activations


OPTIMIZERS = [
    *({"type": name} for name in default_registry().names("optimizer")),
    {"type": "sgd", "momentum": 0.9},
    {"type": "rmsprop", "momentum": 0.9},
    {"type": "lbfgs", "history_size": 3, "max_iter": 20},
]


@pytest.mark.parametrize("table", OPTIMIZERS, ids=str)
def test_an_optimizer_keeps_as_much_as_it_says(table: dict[str, Any]) -> None:
    spec = read({**SMALL, "training": {"optimizer": table}})
    x = torch.nn.Parameter(torch.linspace(-2, 2, 7))
    optimizer = spec.training.optimizer.build([x], lr=1e-3)

    def loss() -> float:
        optimizer.zero_grad()
        value = (x**4 - x.cos()).sum()
        value.backward()
        return float(value.detach())

    for _ in range(5):
        optimizer.step(loss)
    declared = spec.training.optimizer.state()
    assert declared is not None
    assert 7 * declared == kept(optimizer.state[x])
    assert memory(spec).optimizer == declared * memory(spec).weights


def kept(state: Any) -> int:
    """Values in what an optimizer keeps; counters and scalars left out."""
    if isinstance(state, torch.Tensor):
        return state.numel() if state.numel() > 1 else 0
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return sum(kept(item) for item in inner)


def test_an_optimizer_that_does_not_say_is_unknown_and_not_nothing(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(read(SMALL).training.optimizer), "state", OptimizerSpec.state)
    assert memory(read(SMALL)).optimizer is None
    assert "state of adam unknown" in aezoo("show", "vanilla-digits").out


# --- the command --------------------------------------------------------------------------------------------


def test_everything_stands_on_one_page(aezoo: Run) -> None:
    result = aezoo("show", "denoising-sparse-convolutional-variational")
    spec = read("denoising-sparse-convolutional-variational")
    assert (result.code, result.err) == (0, "")
    for part in (
        f"input 1x28x28, code 24, arch {spec.arch[:8]}, run {spec.run[:8]}",
        "corruption.0  gaussian_noise  std=0.25",
        "encoder.0     conv            channels=32 kernel=4 stride=2 padding=1",
        f"{spec.parameters:,} parameters, in parts that come from aezoo",
        "loss = reconstruction (bernoulli) + 1.0 * kl (of logvar, mean) + 0.1 * sparsity (l1 of mean)",
        "memory in float32: weights 1.1 MiB; in training, gradients 1.1 MiB, state of adam 2.3 MiB",
        "for a batch of 128",
    ):
        assert part in result.out


def test_overrides_apply(aezoo: Run, vectors: Path) -> None:
    assert json.loads(aezoo("show", vectors, "--set", "latent.dim=4", "--json").out)["code"] == [4]


def test_a_model_is_shown_by_its_spec(aezoo: Run, vectors: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(to_json(manifest(read(vectors))))
    licence = "\nlicence: none is named: ask the author\n"
    assert aezoo("show", folder).out == aezoo("show", vectors).out + licence
    result = aezoo("show", folder, "--set", "latent.dim=4")
    assert (result.code, result.out) == (2, "")


def test_json_is_one_document(aezoo: Run) -> None:
    document = json.loads(aezoo("show", "vanilla-digits", "--json").out)
    assert document["memory"]["weights"] == 4 * document["parameters"]
    assert document["memory"]["precision"] == "float32"
    assert document["terms"][0]["name"] == "reconstruction"
    assert {layer["provider"] for layer in document["layers"]} == {"aezoo"}


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(aezoo: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(output, "columns", lambda: width)
    for name in ("vdc-digits", "denoising-sparse-convolutional-variational"):
        lines = aezoo("show", name).out.splitlines()
        assert max(map(len, lines)) <= max(width, 25), name  # the narrowest row of all is one long setting


def test_on_eighty_columns_settings_go_on_below_and_none_is_lost(aezoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "columns", lambda: 80)
    out = aezoo("show", "vdc-digits").out
    assert "…" not in out
    assert out.splitlines()[4].split() == ["stage", "layer", "settings", "output", "parameters", "share"]
    assert all(f" {setting}" in out for setting in ("kernel=4", "padding=1", "activation=identity", "size=[28,28]"))


def test_a_description_cannot_write_to_the_terminal(aezoo: Run, vectors: Path) -> None:
    out = aezoo("show", vectors, "--set", r'description="\u001b[31mred"').out
    assert "\x1b" not in out
    assert r"\x1b[31mred" in out


def test_it_never_imports_torch() -> None:
    code = (
        "import sys\nfrom aezoo.cli import main\n"
        "try:\n    main(['show', 'vdc-digits'])\n"
        "except SystemExit as leave:\n    assert not leave.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_it_says_which_group_of_an_optimizer_has_how_many_weights(aezoo: Run, tmp_path: Path) -> None:
    path = tmp_path / "grouped.toml"
    path.write_text(
        """\
name = "grouped"
input = [6]
latent = { type = "deterministic", dim = 2 }
training.optimizer = { type = "adamw", groups = [{ weights = "vectors", weight_decay = 0.0 }] }
"""
    )
    assert aezoo("show", path).out.splitlines()[-2:] == [
        "group of model: vectors: 8 parameters in 2 weights, rate 0.001, weight decay 0",
        "group of model: the rest: 24 parameters in 2 weights, rate 0.001, weight decay 0.01",
    ]
    groups = json.loads(aezoo("show", path, "--json").out)["groups"]
    assert [(group["group"], group["weights"]) for group in groups] == [("vectors", 8), ("the rest", 24)]
    assert "groups" not in json.loads(aezoo("show", path, "--set", "training.optimizer=adam", "--json").out)
