"""Starts: first weights that make a network the linear model that it is compared with.

In closed form: principal axes for a code without noise, probabilistic PCA for a posterior (Tipping and Bishop 1999,
doi:10.1111/1467-9868.00196; Lucas et al. 2019, arXiv:1911.02469), the Wiener filter where noise is to be taken away. A
network with a perceptron beside its linear map begins with a perceptron that gives 0. So a linear candidate is the
linear model from its first step on, and one that bends has to find what is better than that.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from aezoo.building.builder import build
from aezoo.evaluation.scores import evaluate_split
from aezoo.fitting.held_out import HeldOut, encoded, in_units
from aezoo.fitting.linear import principal
from aezoo.fitting.proposal import Proposal
from aezoo.fitting.purposes import Purpose
from aezoo.model import Model
from aezoo.modules.part import made
from aezoo.nn.corruption import GaussianNoise
from aezoo.spec.shape import flat
from aezoo.storage.saving import save
from aezoo.storage.writer import holds_model
from aezoo.training.initial_weights import Start

#: The folder of the starts.
FOLDER = "starts"
#: The network of which the first weights are the optimum: it is not trained.
CLOSED = "linear"
#: Networks that hold a linear map from end to end.
LINEAR = ("linear", "dense", "dense-wide")
#: Least standard deviation of what a code leaves, in units of the loss: a learned one is at least exp(-6) = 0.0025.
LEAST = 0.0026


class Maps(NamedTuple):
    """A linear autoencoder: z = inwards (x - mean), x^ = mean + outwards z.

    Attributes:
        mean: [F]
        inwards: [D, F]
        outwards: [F, D]
        logvar: Of a posterior, [D]; None of a code without noise.
        scale: Standard deviation of what the code leaves.
    """

    mean: Tensor
    inwards: Tensor
    outwards: Tensor
    logvar: Tensor | None
    scale: float


def start_of(proposal: Proposal, purpose: Purpose, held_out: HeldOut, out: Path) -> Start | None:
    """First weights of a network, kept in the folder of the fit; None where there is no linear model of its kind."""
    folder = out / FOLDER / proposal.shape
    if holds_model(folder):
        return Start.of(folder)
    spec = proposal.spec
    if proposal.shape not in LINEAR or spec.likelihood.support is not None or spec.target_domains:
        return None
    model = _fitted(build(spec), held_out)
    x, known = in_units(model, held_out.batch("train").x), held_out.known(held_out.batch("train"))
    x = x if known is None else torch.where(known, x, 0.0)
    maps = _filter(model, x) if purpose == "denoise" else _principal(model, x, known)
    if not _give(model, maps) or not _is(model, maps, held_out):
        return None
    scores = None
    if proposal.shape == CLOSED:  # it is a candidate as it is
        if model.network.prior is not None and spec.latent.prior is not None:
            model.network.prior.fit(encoded(model, held_out.batch("train")).float())
        scores = evaluate_split(model, held_out.samples, held_out.rows, "test")
    save(model, folder, scores=scores)
    return Start.of(folder)


def _fitted(model: Model, held_out: HeldOut) -> Model:
    """The model with the moments of the training split, if it standardizes."""
    if model.spec.input.normalize == "standardize":
        batch = held_out.batch("train")
        observed = batch.fields.get("observed")
        model.network.normalizer.fit(batch.x, observed)  # type: ignore[operator]
    return model


def _principal(model: Model, x: Tensor, known: Tensor | None) -> Maps:
    """PCA, or probabilistic PCA."""
    dim = flat(model.spec.code_shape)
    found = principal(x, dim, known)
    axes = found.axes
    if axes.shape[1] < dim:  # fewer samples than the code has values
        axes = torch.cat([axes, torch.zeros(len(axes), dim - axes.shape[1], dtype=axes.dtype)], dim=1)
    codes = (x - found.mean) @ axes
    left = ((x - found.mean) - codes @ axes.T).square().sum().item() / len(x)
    noise = max(left / max(1, len(found.mean) - dim), LEAST**2)
    if not model.spec.latent.noisy:
        return Maps(found.mean, axes.T, axes, None, math.sqrt(noise))
    variances = codes.square().mean(dim=0).clamp_min(noise)
    weights = (variances - noise).clamp_min(0).sqrt()
    # The posterior of z given x is N((weights / variances) axes^T x, noise / variances).
    return Maps(
        found.mean,
        (axes * (weights / variances)).T,
        axes * weights,
        (noise / variances).log(),
        math.sqrt(noise),
    )


def _filter(model: Model, x: Tensor) -> Maps:
    """The linear estimate of least error of clean samples from noisy ones, in units of the loss."""
    spec = model.spec
    parts = [made(part, spec.input.shape, spec.input.range) for part in spec.corruption]
    level = sum(part.std**2 for part in parts if isinstance(part, GaussianNoise) and isinstance(part.std, float))
    # Noise has one deviation in data units; a unit of the loss is `scale` of these.
    one = in_units(model, torch.stack([torch.zeros(spec.input.shape), torch.ones(spec.input.shape)]))
    noise = (one[1] - one[0]).square() * level
    mean = x.mean(dim=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    gain = torch.linalg.solve(covariance + torch.diag(noise) + 1e-9 * torch.eye(len(mean), dtype=x.dtype), covariance).T
    return Maps(mean, gain, torch.eye(len(mean), dtype=x.dtype), None, 1.0)


@torch.no_grad()
def _give(model: Model, maps: Maps) -> bool:
    """Write the maps into a network; whether it has all the places that they need."""
    state = model.network.state_dict()
    dim = len(maps.inwards)
    one = torch.eye(dim)
    bias = -maps.inwards @ maps.mean
    entry = next((name for name in state if re.fullmatch(r"encoder\.\d+\.shortcut\.linear\.weight", name)), None)
    for name in state:
        if re.fullmatch(r"(en|de)coder\.\d+\.body\.2\.linear\.(weight|bias)", name):
            state[name].zero_()
    inward, inward_bias = (maps.inwards, bias) if entry is None else (one, torch.zeros(dim))
    if entry is not None:
        weight = state[entry]
        if weight.shape[0] != dim or weight.shape[1] < maps.inwards.shape[1]:
            return False
        weight.zero_()
        weight[:, : maps.inwards.shape[1]] = maps.inwards
        state[entry.replace("weight", "bias")].copy_(bias)
    project, offset = state["latent.project.weight"], state["latent.project.bias"]
    project.zero_()
    offset.zero_()
    project[:dim] = inward
    offset[:dim] = inward_bias
    if maps.logvar is not None:
        offset[dim:] = maps.logvar
    outward = [name for name in state if re.fullmatch(r"decoder\.\d+(\.shortcut)?\.linear\.weight", name)]
    for name in outward[:-1]:  # that of the code itself, where the decoder is a mirror
        if state[name].shape != one.shape:
            return False
        state[name].copy_(one)
        state[name.replace("weight", "bias")].zero_()
    if not outward or state[outward[-1]].shape != maps.outwards.shape:
        return False
    state[outward[-1]].copy_(maps.outwards)
    state[outward[-1].replace("weight", "bias")].copy_(maps.mean)
    if "likelihood.log_scale" in state:
        state["likelihood.log_scale"].fill_(math.log(maps.scale))
    return True


def _is(model: Model, maps: Maps, held_out: HeldOut) -> bool:
    """Whether the network computes what the maps do: names say where weights are, and this that they are used so."""
    batch = held_out.batch("validation" if len(held_out.rows.get("validation", ())) else "train").stretch(0, 16)
    x = in_units(model, batch.x)
    known = held_out.known(batch)
    x = x if known is None else torch.where(known, x, 0.0)
    wanted = maps.mean + (x - maps.mean) @ maps.inwards.T @ maps.outwards.T
    model.network.eval()
    with torch.inference_mode():
        got = in_units(model, model.network.reconstruct(*batch))
    # float32, of values around 1 that were multiplied by some thousand others.
    return torch.allclose(got, wanted, atol=1e-3, rtol=1e-3)
