"""Terms of sparse codes: each by its formula, and its effect in a run."""

import pytest
import torch
from aezoo_sparse.penalties import ActiveCount, AuxK
from aezoo_sparse.sphere import Sphere, make_tangent
from torch import nn

import aezoo
from aezoo.building.builder import objective_of
from aezoo.errors import SpecError
from aezoo.nn.objective import Noise
from aezoo.nn.projection import by_input
from aezoo.reading.reader import SpecWarning


def passed(document, rows=32):
    """A model, and what it makes of a batch in training."""
    model = aezoo.build(document)
    x = torch.randn(rows, 16, generator=torch.Generator().manual_seed(0))
    return model, model.network.train()(x)


def silenced(model, units):
    """Make units that can never be active."""
    with torch.no_grad():
        model.network.latent.project.bias[units] = -100.0


# --- dead units ---------------------------------------------------------------------------------------------


def test_a_unit_is_dead_after_so_many_silent_samples_and_alive_once_it_is_active(dictionary):
    model, _ = passed(dictionary({"type": "sparse:relu"}, regularizers={"l1": {}}))
    silenced(model, [3, 5])
    term = AuxK(16, k=None, after=64)
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    assert term(model.network(x)) == 0
    assert term.silent[[3, 5]].tolist() == [32, 32]
    assert term.silent[0] == 0
    assert term(model.network(x)) > 0
    with torch.no_grad():
        model.network.latent.project.bias[[3, 5]] = 100.0
    assert term(model.network(x)) == 0
    assert not term.silent.any()


def test_evaluation_counts_nothing(dictionary):
    model, out = passed(dictionary({"type": "sparse:relu"}, regularizers={"l1": {}}))
    silenced(model, [3])
    term = AuxK(16, k=None, after=1).eval()
    for _ in range(3):
        assert term(out) == 0
    assert not term.silent.any()


@pytest.mark.parametrize("relative", [False, True])
def test_the_term_is_what_the_strongest_dead_units_leave_of_the_error(dictionary, relative):
    model, _ = passed(dictionary({"type": "sparse:topk", "k": 2}))
    dead = [1, 4, 6, 9]
    network = model.network
    term = AuxK(16, k=2, after=100, relative=relative)
    term.silent[dead] = 1000
    with torch.no_grad():
        network.latent.project.weight[dead] *= 0.01  # too weak to be among the two largest
        network.latent.project.bias[dead] = 0.0
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    out = network(x)
    assert not (out.code.z[:, dead] != 0).any()
    weight = network.decoder[0][0].weight
    pre = out.code.pre[:, dead].relu()
    top = pre.topk(2, dim=1)
    strongest = torch.zeros_like(pre).scatter(1, top.indices, top.values)
    error = x - out.raw
    expected = (error - strongest @ weight[:, dead].t()).square().sum(dim=1).mean()
    if relative:
        expected = expected * x.var(dim=0, correction=0).sum() / error.var(dim=0, correction=0).sum()
    torch.testing.assert_close(term(out), expected)


def test_the_term_moves_dead_units_and_no_others(dictionary):
    model, out = passed(dictionary({"type": "sparse:relu"}, regularizers={"l1": {}}))
    term = AuxK(16, k=None, after=100)
    term.silent[[1, 4]] = 1000
    out = out._replace(
        code=out.code._replace(z=out.code.z.masked_fill(torch.isin(torch.arange(16), torch.tensor([1, 4])), 0))
    )
    term(out).backward()
    latent, decoder = model.network.latent, model.network.decoder[0][0]
    assert set(latent.project.weight.grad.any(dim=1).nonzero().flatten().tolist()) == {1, 4}
    assert set(decoder.weight.grad.any(dim=0).nonzero().flatten().tolist()) == {1, 4}
    assert not decoder.bias.grad.any()


def test_dead_units_come_back_to_life_in_a_run_and_find_what_was_missing(dictionary):
    # 32 directions in 16 dimensions; after a random start almost half of the units are never active.
    metrics = {}
    for name, terms in (
        ("without", {}),
        ("with", {"revive": {"type": "sparse:auxk", "weight": 1 / 32, "after": 2000}}),
    ):
        latent = {"type": "sparse:topk", "dim": 32, "k": 2, "start": "random"}
        document = dictionary(latent, regularizers=terms)
        document["data"] |= {"atoms": 32, "orthonormal": False}
        document["training"] |= {"steps": 600}
        metrics[name] = aezoo.train(document, device="cpu").scores.metrics
    assert metrics["without"]["dead"] > 0.3
    assert metrics["with"]["dead"] < 0.15
    assert metrics["with"]["sparse:recovery"] > metrics["without"]["sparse:recovery"] + 0.1
    assert metrics["with"]["fvu"] < 0.6 * metrics["without"]["fvu"]


# --- counts and gates ---------------------------------------------------------------------------------------


def test_the_count_is_of_active_units_and_the_target_is_met_where_it_costs_nothing(dictionary):
    _, out = passed(dictionary({"type": "sparse:jumprelu"}, regularizers={"l0": {"type": "sparse:l0"}}))
    count = (out.code.z != 0).sum(dim=1).float().mean()
    for target, expected in ((None, count), (4.0, (count / 4 - 1) ** 2), (count.item(), torch.tensor(0.0))):
        torch.testing.assert_close(ActiveCount(target=target)(out), expected)


def test_a_target_holds_the_number_of_active_units_in_a_run(dictionary):
    document = dictionary(
        {"type": "sparse:jumprelu", "threshold": 0.1, "bandwidth": 0.2},
        regularizers={"l0": {"type": "sparse:l0", "weight": 10.0, "target": 3.0}},
    )
    scores = aezoo.train(document, device="cpu").scores
    assert scores.metrics["sparse:l0"] == pytest.approx(3.0, abs=0.3)


def test_gates_reconstruct_with_a_decoder_that_learns_nothing_of_it(dictionary):
    terms = {"gate": {"type": "sparse:gate"}}
    model, out = passed(dictionary({"type": "sparse:gated"}, regularizers=terms))
    term = aezoo.read(dictionary({"type": "sparse:gated"}, regularizers=terms)).regularizers["gate"].build((16,))
    decoder = model.network.decoder[0][0]
    expected = (out.x - out.code.gate @ decoder.weight.t() - decoder.bias).square().sum(dim=1).mean()
    value = term(out)
    torch.testing.assert_close(value, expected)
    value.backward()
    assert decoder.weight.grad is None
    assert decoder.bias.grad is None
    assert model.network.latent.project.bias.grad.any()
    assert all(p.requires_grad for p in model.network.parameters())


# --- nested dictionaries ------------------------------------------------------------------------------------


def test_the_nested_reconstruction_is_the_mean_over_prefixes(dictionary):
    nested = {"type": "sparse:matryoshka", "prefixes": [4, 8]}
    document = dictionary({"type": "sparse:topk", "k": 6}, objective=nested)
    model, out = passed(document)
    play = aezoo.read(document).objective.build(aezoo.read(document))
    decoder = model.network.decoder[0][0]
    each = [
        (out.x - out.code.z[:, :m] @ decoder.weight[:, :m].t() - decoder.bias).square().sum(dim=1).mean()
        for m in (4, 8, 16)
    ]
    torch.testing.assert_close(play(out, "model")["reconstruction"], sum(each) / 3)


def test_early_units_explain_more_with_nested_dictionaries_than_without(dictionary):
    explained = {}
    for name, objective in (
        ("nested", {"type": "sparse:matryoshka", "prefixes": [4]}),
        ("plain", "standard"),
    ):
        document = dictionary({"type": "sparse:topk", "k": 4}, objective=objective)
        document["data"] |= {"active": 4, "coefficients": [0.2, 3.0]}
        model = aezoo.train(document, device="cpu").model
        x = torch.from_numpy(aezoo.read(document).data.load().values[:2000])
        out = model.network(x)
        first = out.code.z.clone()
        first[:, 4:] = 0
        explained[name] = 1 - (x - model.network.expand(first)).square().sum() / (x - x.mean(dim=0)).square().sum()
    assert explained["nested"] > explained["plain"] + 0.05


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        ([8, 4], "rising widths from 1 on"),
        ([0, 4], "rising widths from 1 on"),
        ([4, 16], "not shorter than a code of 16"),
    ],
)
def test_prefixes_that_are_none_are_refused(dictionary, prefixes, message):

    document = dictionary(
        {"type": "sparse:topk", "k": 2}, objective={"type": "sparse:matryoshka", "prefixes": prefixes}
    )
    with pytest.raises(SpecError, match=message):
        aezoo.read(document)


# --- what is doubted or refused when a spec is read -----------------------------------------------------------


def test_gates_that_nothing_trains_are_doubted(dictionary):
    terms = {"l1": {"on": "gate", "weight": 0.5}}
    with pytest.warns(SpecWarning, match="nothing trains the gates"):
        aezoo.read(dictionary({"type": "sparse:gated"}, regularizers=terms))
    aezoo.read(dictionary({"type": "sparse:gated"}, regularizers={**terms, "gate": {"type": "sparse:gate"}}))


def test_dead_units_of_a_spatial_code_and_terms_of_another_tap_are_refused(dictionary):
    spatial = {
        "name": "spatial",
        "input": [1, 8, 8],
        "latent": {"type": "deterministic", "dim": 4, "layout": "spatial", "activation": "relu"},
        "regularizers": {"revive": {"type": "sparse:auxk"}},
    }
    with pytest.raises(SpecError, match="this one has 3 axes"):
        aezoo.read(spatial)
    for kind, latent in (("auxk", "relu"), ("l0", "jumprelu"), ("gate", "gated")):
        term = {"t": {"type": f"sparse:{kind}", "on": "output"}}
        with pytest.raises(SpecError, match="reads the latent and nothing else"):
            aezoo.read(dictionary({"type": f"sparse:{latent}"}, regularizers=term))


def test_a_latent_that_is_not_gated_has_no_gates(dictionary):
    with pytest.raises(SpecError, match="needs gate; the latent 'sparse:topk' provides pre"):
        aezoo.read(dictionary({"type": "sparse:topk", "k": 2}, regularizers={"gate": {"type": "sparse:gate"}}))


# --- the sphere ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Conv2d(4, 6, 3), nn.ConvTranspose1d(4, 6, 3)], ids=str)
def test_a_tangent_gradient_is_the_old_one_without_its_part_along_each_column(layer):
    gradient = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(0))
    layer.weight.grad = gradient.clone()
    with torch.no_grad():
        make_tangent(layer)
        columns = by_input(layer)
        along = (by_input(layer, layer.weight.grad) * columns).sum(dim=(1, 3))
        torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-5)
        removed = by_input(layer, gradient - layer.weight.grad)
        ratio = (removed * columns).sum(dim=(1, 3), keepdim=True) / columns.square().sum(dim=(1, 3), keepdim=True)
        torch.testing.assert_close(removed, ratio * columns, rtol=1e-4, atol=1e-5)


def test_a_map_without_a_gradient_and_a_column_of_zeros_are_left_alone():
    layer = nn.Linear(2, 3)
    make_tangent(layer)
    nn.init.zeros_(layer.weight)
    layer.weight.grad = torch.ones(3, 2)
    Sphere().tangent(layer)
    assert torch.equal(layer.weight.grad, torch.ones(3, 2))


def test_columns_have_norm_one_and_the_optimizer_sees_tangents_in_every_step(dictionary):
    document = dictionary({"type": "sparse:topk", "k": 2})
    model = aezoo.build(document)
    objective = objective_of(model, steps=3)
    objective.project()
    decoder = model.network.decoder[0][0]
    x = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    objective(x, "model", 0, Noise(torch.Generator(), torch.Generator())).total.backward()
    assert (decoder.weight.grad * decoder.weight).sum(dim=0).abs().max() > 1e-3
    objective.project_gradients()
    assert (decoder.weight.grad * decoder.weight).sum(dim=0).abs().max() < 1e-5
    trained = aezoo.train(document, device="cpu").model.network.decoder[0][0]
    torch.testing.assert_close(trained.weight.norm(dim=0), torch.ones(16))
