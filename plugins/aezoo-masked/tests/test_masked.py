"""Masked autoencoders: what is hidden is not seen, and nothing else is judged."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aezoo_masked.tokens import HiddenVariance, of_hidden
from torch import Generator, Tensor
from torch.distributions import Normal

import aezoo
from aezoo.building.builder import build, objective_of
from aezoo.errors import AnswerNo, SpecError
from aezoo.nn.code import Output
from aezoo.reading.reader import SpecWarning

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
SPECS = sorted((ROOT / "aezoo_masked" / "specs").glob("*.toml"))


def document(**slots: Any) -> Document:
    """A masked autoencoder of images of two channels, in patches of 2 by 2; nine of twelve are hidden."""
    return {
        "name": "small",
        "input": [2, 6, 8],
        "encoder": [{"type": "pixel_unshuffle", "factor": 2}],
        "latent": {"type": "masked:visible", "dim": 16, "heads": 2, "depth": 2},
        "decoder": [
            {"type": "attention"},
            {"type": "conv", "kernel": 1, "channels": 8, "activation": "identity"},
            {"type": "pixel_shuffle", "factor": 2},
        ],
        "likelihood": {"type": "gaussian", "variance": "fixed", "sigma": 0.5},
        "objective": "masked:hidden",
    } | slots


def passed(model: Any, x: Tensor, seed: int = 0, **fields: Tensor) -> Output:
    return model.network(x, generator=Generator().manual_seed(seed), fields=fields)  # type: ignore[no-any-return]


def images(n: int = 5, seed: int = 0) -> Tensor:
    return torch.rand(n, 2, 6, 8, generator=Generator().manual_seed(seed))


def hidden_values(out: Output) -> Tensor:
    """Where values are hidden, by hand: [B, 2, 6, 8]."""
    return torch.kron(out.code.hidden, torch.ones(1, 1, 2, 2)).expand(-1, 2, -1, -1).bool()


# --- what is seen --------------------------------------------------------------------------------------------


def test_codes_of_visible_patches_do_not_change_when_hidden_values_do() -> None:
    model = build(document())
    x = images()
    out = passed(model, x)
    hidden = hidden_values(out)
    changed = passed(model, torch.where(hidden, images(seed=1), x))
    assert torch.equal(changed.code.z, out.code.z)
    assert torch.equal(changed.raw, out.raw)
    seen = passed(model, torch.where(hidden, x, images(seed=1)))
    visible = (out.code.hidden == 0).expand_as(out.code.z)
    assert (seen.code.z != out.code.z)[visible].all()


def test_hidden_patches_have_one_code_and_as_many_are_hidden_of_each_sample() -> None:
    out = passed(build(document()), images(400))
    assert (out.code.hidden.flatten(1).sum(dim=1) == 9).all()
    share = out.code.hidden.mean(dim=0)  # of 400 draws: the deviation of each is 0.022
    assert ((share - 0.75).abs() < 0.1).all()
    codes = out.code.z.permute(0, 2, 3, 1)[out.code.hidden[:, 0] == 1]
    assert (codes == codes[0]).all()


def test_nothing_is_hidden_where_nothing_is_drawn_and_a_patch_knows_where_it_is() -> None:
    model = build(document())
    x = images()
    code = model.network(x).code
    assert not code.hidden.any()
    alike = model.network(x[:, :, :2, :2].repeat(1, 1, 3, 4)).code.z.flatten(2)
    assert (alike[:, :, 0] != alike[:, :, 1]).any()


# --- what is judged ------------------------------------------------------------------------------------------


def test_the_loss_is_the_density_of_hidden_values_alone() -> None:
    model = build(document())
    out = passed(model, images())
    raw = out.raw.detach().requires_grad_()
    objective = objective_of(model, steps=1)
    (loss,) = objective.loss_terms(out._replace(raw=raw), "model").values()
    hidden = hidden_values(out)
    expected = -Normal(raw, 0.5).log_prob(out.x)[hidden].sum() / len(raw)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, raw)
    assert torch.equal(gradient != 0, hidden)


def test_a_mask_of_the_samples_leaves_out_more() -> None:
    spec = document(fields={"seen": {"shape": [2, 6, 8]}}, mask="fields.seen")
    seen = (images(seed=3) > 0.5).float()
    out = passed(build(spec), images(), seen=seen)
    assert torch.equal(of_hidden(out).mask, hidden_values(out) * seen)


def test_filling_in_comes_near_the_best_linear_estimate_of_hidden_values() -> None:
    length, patch, patches, rho = 32, 4, 8, 0.95
    spec = {
        "name": "signals",
        "input": [1, length],
        "encoder": [{"type": "pixel_unshuffle", "factor": patch}],
        "latent": {"type": "masked:visible", "dim": 32, "heads": 4, "ratio": 0.5},
        "decoder": [
            {"type": "transformer", "heads": 4},
            {"type": "conv", "kernel": 1, "channels": patch, "activation": "identity"},
            {"type": "pixel_shuffle", "factor": patch},
        ],
        "objective": "masked:hidden",
        "data": {"type": "ar1", "n": 20_000, "length": length, "rho": rho, "validation": 0.0},
        "training": {
            "steps": 800,
            "batch_size": 128,
            "best_by": "last",
            "optimizer": {"type": "adam", "lr": {"type": "cosine", "start": 3e-3, "end": 1e-4}},
        },
    }
    covariance = rho ** np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    errors = []
    for chosen in itertools.combinations(range(patches), patches // 2):
        h = np.isin(np.arange(patches), chosen).repeat(patch)
        across = covariance[h][:, ~h]
        left = covariance[h][:, h] - across @ np.linalg.solve(covariance[~h][:, ~h], across.T)
        errors.append(np.trace(left) / h.sum())
    best = float(np.mean(errors))  # 0.2365 of a variance of 1; nothing estimates a Gaussian better than this does
    unexplained = aezoo.train(spec, device="cpu").scores.metrics["masked:hidden_fvu"]
    assert 0.98 * best < unexplained < 1.1 * best


def test_the_metric_is_the_share_of_the_variance_of_hidden_values() -> None:
    model = aezoo.build(document())
    x = images(200)
    table = aezoo.evaluate(model, x.numpy(), split="all").metrics
    assert not {"mse", "fvu", "squared_error", "nll", "psnr"} & table.keys()
    assert table == aezoo.evaluate(model, x.numpy(), split="all").metrics
    out, judged = passed(model, x), HiddenVariance()
    judged.update(out)
    hidden = hidden_values(out).double()
    mean = (hidden * x).sum(dim=0) / hidden.sum(dim=0)
    by_hand = (hidden * (x - out.raw).square()).sum() / (hidden * (x - mean).square()).sum()
    assert judged.result() == pytest.approx(by_hand.item(), rel=1e-5)


# --- what a trained model can do -----------------------------------------------------------------------------


def test_it_encodes_and_refuses_what_nothing_trained(tmp_path: Path) -> None:
    x = images(60).numpy()
    spec = document(training={"steps": 3, "batch_size": 10})
    run = aezoo.train(spec, data=x, device="cpu", out=tmp_path / "model")
    loaded = aezoo.load(tmp_path / "model", device="cpu")
    codes = loaded.encode(x)
    assert codes.shape == (60, 16, 3, 4)
    np.testing.assert_array_equal(codes, run.model.encode(x))
    for verb in (
        lambda: loaded.reconstruct(x),
        lambda: loaded.decode(codes),
        lambda: loaded.score(x),
        lambda: loaded.interpolate(x[0], x[1], 3),
        lambda: loaded.sample(2),
    ):
        with pytest.raises(AnswerNo, match="of a whole sample nothing is"):
            verb()
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "masked:hidden_fvu" in card
    assert "it gives codes, and no samples" in card
    assert "model.reconstruct" not in card


def test_beside_the_standard_objective_all_patches_are_judged_and_decoded() -> None:
    model = aezoo.build(document(objective="standard", latent={"type": "masked:visible", "dim": 4}))
    assert model.reconstruct(images().numpy()).shape == (5, 2, 6, 8)


# --- what is refused -----------------------------------------------------------------------------------------

CONV = {"type": "conv", "channels": 8, "stride": 2}
WRONG = {
    "overlap": ({"encoder": [CONV]}, "side by side"),
    "shifted": ({"encoder": [{**CONV, "kernel": 2, "padding": 1}], "input": [2, 6, 6]}, "side by side"),
    "cut": ({"encoder": [{**CONV, "kernel": 2, "padding": 0}], "input": [2, 7, 9]}, "side by side|does not"),
    "unsaid": ({"encoder": [{"type": "reshape", "shape": [8, 12]}]}, "does not say what a position sees"),
    "none": ({"latent": {"type": "masked:visible", "dim": 4, "ratio": 0.01}}, "hides none of 12 patches"),
    "all": ({"latent": {"type": "masked:visible", "dim": 4, "ratio": 0.99}}, "hides all of 12 patches"),
    "heads": ({"latent": {"type": "masked:visible", "dim": 4, "heads": 3}}, "heads 3 does not divide dim 4"),
    "optimal": ({"likelihood": {"type": "gaussian", "variance": "optimal"}}, "the likelihood of single values"),
    "latent": ({"latent": {"type": "deterministic", "dim": 4, "spatial": True}}, "needs hidden"),
    "vector": ({"input": [12], "encoder": []}, "takes signals"),
    "target": (
        {
            "fields": {"after": {"shape": [2, 12, 16]}},
            "target": "fields.after",
            "decoder": [
                {"type": "attention"},
                {"type": "conv", "kernel": 1, "channels": 32, "activation": "identity"},
                {"type": "pixel_shuffle", "factor": 4},
            ],
        },
        "other positions",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_spec_that_cannot_be_one_is_refused(name: str) -> None:
    slots, message = WRONG[name]
    with pytest.raises(SpecError, match=message):
        aezoo.read(document(**slots))


def test_patches_by_a_convolution_without_overlap_will_do() -> None:
    aezoo.read(document(encoder=[{**CONV, "kernel": 2, "padding": 0}, {"type": "conv", "channels": 8, "kernel": 1}]))


def test_a_decoder_whose_positions_see_themselves_alone_is_warned_of() -> None:
    with pytest.warns(SpecWarning, match="no position of the decoder sees another"):
        aezoo.read(document(decoder="mirror"))


# --- what is shipped -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_shipped_spec_trains_for_a_few_steps(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    spec = aezoo.read(table | {"training": {"steps": 2}})
    assert spec.name == path.stem
    assert aezoo.train(spec, device="cpu").scores.metrics["masked:hidden_fvu"] > 0


def test_the_spec_of_the_readme_reads() -> None:
    (text,) = (ROOT / "README.md").read_text(encoding="utf-8").split("```toml\n")[1:]
    assert aezoo.read(tomllib.loads(text.split("```")[0])).objective.tag() == "masked:hidden"
