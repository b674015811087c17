"""The rate: of any posterior, against the prior that a model is trained with, in every number that has it."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import aezoo
from aezoo.errors import PluginError, SpecError
from aezoo.nn.code import Output
from aezoo.nn.divergence import Rate, rate
from aezoo.plugin import LatentSpec, PriorSpec, RegularizerSpec, Shape
from aezoo.reading.reader import SpecWarning
from aezoo.registry.registry import Registry
from aezoo.spec.limits import Limits
from aezoo.spec.summary import layers
from aezoo.testing import examine
from tests.registries import registry_with


def laplace() -> type[LatentSpec]:
    """The latent that the page on plugins writes, from its two files."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    package = types.ModuleType("aezoo_laplace")
    tensors = types.ModuleType("aezoo_laplace.tensors")
    sys.modules |= {package.__name__: package, tensors.__name__: tensors}
    for module, name in ((tensors, "tensors"), (package, "__init__")):
        (block,) = re.findall(rf"```python aezoo_laplace/{name}.py\n(.*?)```", page, flags=re.DOTALL)
        exec(compile(block, f"{module.__name__}.py", "exec"), vars(module))
    return package.LaplaceSpec  # type: ignore[no-any-return]


LaplaceSpec = laplace()


class OneDrawSpec(RegularizerSpec):
    """A rate by another name."""

    type: Literal["one_draw"] = "one_draw"
    needs: ClassVar[frozenset[str]] = frozenset({"posterior"})
    rate: ClassVar[bool] = True

    def build(self, shape: Shape) -> nn.Module:
        return Rate()


class OnlySamples:
    """Draws, and no density."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        return torch.rand((n, *self.shape), generator=generator)

    def fit(self, codes: Tensor) -> None:
        pass


class OnlySamplesSpec(PriorSpec):
    """A prior that is only drawn from."""

    type: Literal["only_samples"] = "only_samples"
    density: ClassVar[bool] = False

    def build(self, shape: Shape, spec: Any) -> Any:
        return OnlySamples(shape)


class OldPriorSpec(PriorSpec):
    """A prior that is built from the shape of a code alone."""

    type: Literal["old"] = "old"

    def build(self, shape: Shape) -> Any:  # type: ignore[override]
        return OnlySamples(shape)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return registry_with(LaplaceSpec, OneDrawSpec, OnlySamplesSpec, namespace="toy")


def document(**parts: Any) -> dict[str, Any]:
    return {
        "name": "rated",
        "input": {"shape": [6], "kind": "vector"},
        "latent": {"type": "gaussian", "dim": 2},
        "likelihood": "gaussian",
        "regularizers": {"kl": {"weight": 1.0}},
        "training": {"steps": 60, "batch_size": 50, "optimizer": {"lr": 0.02}},
        **parts,
    }


MIXTURE = {"type": "gaussian", "dim": 2, "prior": {"type": "mixture", "components": 3}}
LAPLACE = {"type": "toy:laplace", "dim": 2, "prior": "standard_normal"}


def data(n: int = 200) -> np.ndarray[Any, np.dtype[np.float32]]:
    draw = np.random.default_rng(0)
    return (draw.choice([-2.0, 2.0], (n, 1)) + 0.3 * draw.standard_normal((n, 6))).astype(np.float32)


def passed(model: Any, x: Any, seed: int = 0) -> Output:
    with torch.no_grad():
        return model.network.eval()(torch.as_tensor(x), None, Generator().manual_seed(seed))  # type: ignore[no-any-return]


def trained_bound(run: Any) -> float:
    """The lowest total of validation: of the weights that are kept."""
    return min(record["total"] for record in run.history if record["split"] == "validation")


# --- judged by the prior that was trained with -----------------------------------------------------------------


def test_rate_and_elbo_are_those_of_the_prior_that_the_model_is_trained_with() -> None:
    model = aezoo.train(document(latent=MIXTURE), data()).model
    out, prior = passed(model, data()), model.network.prior
    posterior = torch.distributions.Normal(out.code.mean, (out.code.logvar / 2).exp())
    expected = posterior.log_prob(out.code.z).sum(1) - prior.log_prob(out.code.z)
    torch.testing.assert_close(rate(out), expected)
    scores = aezoo.evaluate(model, data()).metrics
    # One draw of 200 samples, whose rates differ by less than 2 nats: five standard errors.
    assert scores["rate"] == pytest.approx(expected.mean().item(), abs=1.0)
    assert scores["elbo"] == pytest.approx(-scores["nll"] - scores["rate"], abs=1.0)


def test_what_is_reported_is_the_bound_that_is_trained() -> None:
    run = aezoo.train(document(latent=MIXTURE, training={"steps": 200, "batch_size": 50}), data(1000))
    scores = aezoo.evaluate(run.model, data(1000)).metrics
    assert -scores["elbo"] == pytest.approx(trained_bound(run), abs=0.5)


def test_a_prior_that_learns_moves_in_training_and_is_the_same_after_load(tmp_path: Path) -> None:
    spec = aezoo.read(document(latent=MIXTURE))
    start = aezoo.build(spec).network.prior.mean.detach().clone()
    run = aezoo.train(spec, data(), out=tmp_path / "run")
    assert not torch.equal(run.model.network.prior.mean, start)
    loaded = aezoo.load(tmp_path / "run")
    assert np.array_equal(loaded.sample(5), run.model.sample(5))


def test_a_fitted_prior_leaves_the_rate_that_of_the_standard_normal() -> None:
    fitted = {"type": "gaussian", "dim": 2, "prior": "fitted_gaussian"}
    with pytest.warns(SpecWarning, match=r"rate and ELBO are those of N\(0, I\)"):
        model = aezoo.train(document(latent=fitted), data()).model
    out = passed(model, data())
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(out.code.mean, (out.code.logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(rate(out), expected.sum(1))


# --- a posterior of a plugin -----------------------------------------------------------------------------------


def test_a_posterior_of_a_plugin_is_trained_and_judged_like_the_gaussian(registry: Registry) -> None:
    spec = aezoo.read(document(latent=LAPLACE), registry=registry)
    run = aezoo.train(spec, data())
    metrics = aezoo.evaluate(run.model, data()).metrics
    assert {"rate", "elbo", "active_units"} <= metrics.keys()
    assert -metrics["elbo"] == pytest.approx(trained_bound(run), abs=2.0)


@pytest.mark.parametrize("latent", [MIXTURE, LAPLACE], ids=["mixture", "laplace"])
def test_a_sample_has_one_score_whatever_stands_beside_it(latent: dict[str, Any], registry: Registry) -> None:
    model = aezoo.build(aezoo.read(document(latent=latent), registry=registry))
    x = data(7)
    together, alone = model.score(x, by="elbo"), [model.score(one, by="elbo").item() for one in x]
    assert together == pytest.approx(alone, rel=1e-6)
    assert model.score(x[::-1].copy(), by="elbo")[::-1] == pytest.approx(together, rel=1e-6)  # float32 passes


def test_the_score_of_many_draws_is_the_elbo(registry: Registry) -> None:
    model = aezoo.build(aezoo.read(document(latent=LAPLACE), registry=registry))
    x = torch.as_tensor(data(1)).expand(20_000, 6)
    out = passed(model, x)
    expected = (model.network.likelihood.nll(out.raw, out.x) + rate(out)).mean().item()
    # Draws of 2,000 and 20,000 of a bound whose deviation is about 2: four standard errors.
    assert model.score(data(1), by="elbo", draws=2000).item() == pytest.approx(expected, abs=0.2)


def test_which_score_is_taken_hangs_on_what_a_term_is_and_not_on_its_name(registry: Registry) -> None:
    by_kl = aezoo.build(document())
    terms = {"cost": {"type": "toy:one_draw"}}
    by_another_name = aezoo.build(aezoo.read(document(regularizers=terms), registry=registry))
    by_another_name.network.load_state_dict(by_kl.network.state_dict())
    assert np.array_equal(by_another_name.score(data(5)), by_kl.score(data(5)))
    assert np.array_equal(by_kl.score(data(5)), by_kl.score(data(5), by="elbo"))


def test_the_latent_of_the_page_on_plugins_keeps_every_law() -> None:
    registry = registry_with(laplace(), namespace="laplace")
    # L08 imports the plugin in another process, and this one is installed nowhere.
    assert [breach for breach in examine("laplace", registry=registry) if breach.id != "L08"] == []


# --- counted and refused ---------------------------------------------------------------------------------------


def test_the_weights_of_a_prior_are_counted_shown_and_limited() -> None:
    spec = aezoo.read(document(latent=MIXTURE))
    built = sum(p.numel() for p in aezoo.build(spec).network.parameters())
    assert spec.parameters == built == sum(row.parameters for row in layers(spec))
    assert [row.parameters for row in layers(spec) if row.stage == "latent.prior"] == [3 * (2 * 2 + 1)]
    with pytest.raises(SpecError, match=r"latent.prior: .*weights"):
        aezoo.read(document(latent=MIXTURE), limits=Limits(parameters=28 + 14))  # 28 of the latent


def test_a_term_that_needs_a_density_refuses_a_prior_without_one(registry: Registry) -> None:
    latent = {"type": "gaussian", "dim": 2, "prior": "toy:only_samples"}
    with pytest.raises(SpecError, match="needs the density of the prior; 'toy:only_samples' can only be drawn from"):
        aezoo.read(document(latent=latent), registry=registry)


def test_a_prior_without_a_density_can_be_drawn_from_and_has_no_rate(registry: Registry) -> None:
    latent = {"type": "deterministic", "dim": 2, "prior": "toy:only_samples"}
    model = aezoo.build(aezoo.read(document(latent=latent, regularizers={}), registry=registry))
    assert model.sample(3).shape == (3, 6)
    assert "rate" not in aezoo.evaluate(model, data()).metrics


def test_a_part_that_was_written_for_other_arguments_is_named_with_those_of_now() -> None:
    registry = Registry()
    with pytest.raises(PluginError, match=r"OldPriorSpec.build\(self, shape\) is called with \(self, shape, spec\)"):
        registry.add([OldPriorSpec], namespace="toy")
