"""How a dictionary starts."""

import copy

import pytest
import torch
from aezoo_sparse.start import couple, geometric_median
from torch import nn

import aezoo
from aezoo.errors import SpecError


def test_the_median_of_numbers_on_a_line_is_their_median():
    x = torch.tensor([[0.0], [1.0], [2.0], [50.0], [1000.0]])
    assert geometric_median(x).item() == pytest.approx(2.0, abs=1e-3)


def test_the_median_of_a_symmetric_cloud_is_its_centre():
    half = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    centre = torch.tensor([1.0, -2.0, 3.0])
    x = torch.cat([centre + half, centre - half])
    torch.testing.assert_close(geometric_median(x), centre.double(), rtol=0, atol=1e-3)


def test_no_step_from_the_median_lowers_the_sum_of_distances():
    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(1)).exp().double()
    median = geometric_median(x, tolerance=1e-14, iterations=1000)
    least = (x - median).norm(dim=1).sum()
    for step in torch.randn(100, 4, generator=torch.Generator().manual_seed(2)).double():
        assert (x - median - 1e-3 * step).norm(dim=1).sum() >= least - 1e-9


def test_a_far_off_sample_moves_the_mean_and_not_the_median():
    x = torch.cat([torch.randn(99, 2, generator=torch.Generator().manual_seed(3)), torch.full((1, 2), 1e6)])
    assert x.mean(dim=0).norm() > 1e4
    assert geometric_median(x).norm() < 0.5


def test_samples_that_are_all_alike_are_their_own_median():
    assert torch.equal(geometric_median(torch.full((5, 2), 7.0)), torch.full((2,), 7.0).double())


@pytest.mark.parametrize("centered", [True, False])
def test_a_coupled_pair_reads_each_direction_with_its_own_unit_and_adds_the_median(centered):
    project, decoder = nn.Linear(6, 12), nn.Sequential(nn.Linear(12, 6))
    center = nn.Parameter(torch.zeros(6)) if centered else None
    x = 3 + torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    couple(project, center, decoder, x)
    median, directions = geometric_median(x).float(), decoder[0].weight.t()
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(12))
    pre = project(x - center if centered else x)
    torch.testing.assert_close(pre, (x - median) @ directions.t(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decoder(torch.zeros(1, 12))[0], median)


def test_a_run_starts_from_the_first_batch_and_a_loaded_model_does_not_start_again(dictionary, tmp_path):
    document = dictionary({"type": "sparse:topk", "k": 2})
    document["training"] |= {"steps": 1, "optimizer": {"type": "sgd", "lr": 1e-30}}
    run = aezoo.train(document, device="cpu", out=tmp_path / "model")
    latent, decoder = run.model.network.latent, run.model.network.decoder[0][0]
    torch.testing.assert_close(latent.project.weight, decoder.weight.t())
    assert latent.center.norm() > 0.1
    torch.testing.assert_close(decoder.bias, latent.center)
    loaded = aezoo.load(tmp_path / "model").network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in run.model.network.state_dict().items())


def test_a_random_start_leaves_the_weights_as_they_were_drawn(dictionary):
    document = dictionary({"type": "sparse:topk", "k": 2, "start": "random"}, constraints={})
    document["training"] |= {"steps": 1, "optimizer": {"type": "sgd", "lr": 1e-30}}
    drawn = copy.deepcopy(aezoo.build(document).network.state_dict())
    trained = aezoo.train(document, device="cpu").model.network.state_dict()
    for name, value in trained.items():  # but for that rate times a gradient
        torch.testing.assert_close(value, drawn[name], rtol=0, atol=1e-25)


def test_a_decoder_that_begins_with_no_such_map_is_refused_when_the_spec_is_read(dictionary):
    wider = [{"type": "linear", "features": 32}, {"type": "linear", "features": 16, "activation": "identity"}]
    with pytest.raises(SpecError, match="does not begin with a map from 16 to 16") as caught:
        aezoo.read(dictionary({"type": "sparse:topk", "k": 2}, decoder=wider))
    assert 'start = "random"' in str(caught.value.faults[0].hint)
    aezoo.read(dictionary({"type": "sparse:topk", "k": 2, "start": "random"}, decoder=wider))
