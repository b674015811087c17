"""Models whose input has `sizes`: every verb takes samples of other sizes, and says which it does not take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import aezoo
from aezoo.errors import DataError, DataWarning, SpecError, UsageError
from aezoo.hardware import device as devices
from aezoo.model import WORKING, Model
from aezoo.spec.limits import LIMITS_IN_USE
from aezoo.spec.memory import memory
from aezoo.spec.tiles import plan
from tests.spec.test_sizes import HALVED, UP, conv

GAUSSIAN = {"type": "gaussian", "dim": 3, "layout": "spatial"}


def model_of(shape: tuple[int, ...] = (1, 16, 16), sizes: Any = 4, **changes: Any) -> Model:
    table = {
        "name": "t",
        "input": {"shape": list(shape), **({} if sizes is None else {"sizes": sizes})},
        "encoder": [*HALVED, "attention"],
        "latent": GAUSSIAN,
        "likelihood": "gaussian",
        "regularizers": {"kl": {}},
        **changes,
    }
    return aezoo.build(table, seed=0)


def samples(*shape: int) -> Any:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 1, 32, 20), (2, 1, 4, 8), (2, 24, 12), (1, 24, 12), (20, 20)])
def test_every_verb_takes_every_size_whole(shape: tuple[int, ...]) -> None:
    x = samples(*shape)
    if x.ndim == 2:
        x = x[None]  # one grey image
    model, single = model_of(), x.ndim == 3 and len(x) == 1
    grid = (x.shape[-2] // 4, x.shape[-1] // 4)
    codes, reconstructions = model.encode(x), model.reconstruct(x)
    lead = () if single else (len(x),)
    assert codes.shape == (*lead, 3, *grid) == model.encode(x, what="logvar").shape
    assert reconstructions.shape == (*lead, 1, *x.shape[-2:])
    assert np.array_equal(model.decode(codes), reconstructions)
    assert np.shape(model.score(x)) == lead
    assert np.isfinite(model.score(x, by="elbo")).all()


def test_the_same_network_computes_every_size() -> None:
    model = model_of()
    x = torch.from_numpy(samples(2, 1, 24, 36))
    with torch.inference_mode():
        expected = model.network.eval().decode(model.network.encode(x).mean)
    assert model.reconstruct(x).equal(expected)


def test_a_model_declared_for_one_size_reconstructs_another_as_one_declared_for_that() -> None:
    one, other = model_of((1, 16, 16)), model_of((1, 24, 32))
    other.network.load_state_dict(one.network.state_dict())
    x = samples(3, 1, 24, 32)
    assert np.array_equal(one.reconstruct(x), other.reconstruct(x))
    assert np.array_equal(one.score(x), other.score(x))


def test_signals_have_sizes_too() -> None:
    model = model_of((2, 16))
    assert model.reconstruct(samples(3, 2, 40)).shape == (3, 2, 40)
    assert model.encode(samples(2, 40)).shape == (3, 10)
    assert model.interpolate(samples(2, 40), samples(2, 40), 3).shape == (3, 2, 40)


def test_standardized_channels_have_one_scale_for_all_positions() -> None:
    model = model_of(input={"shape": [1, 16, 16], "sizes": 4, "normalize": "standardize"})
    assert model.reconstruct(samples(2, 1, 20, 24)).shape == (2, 1, 20, 24)


@pytest.mark.parametrize(
    ("shape", "message", "hint"),
    [
        (
            (2, 1, 30, 33),
            "samples are 1x30x33, the model takes sizes divisible by 4",
            "crop them to 28x32, or pad them to 32x36",
        ),
        ((2, 1, 3, 16), "1x3x16, the model takes sizes divisible by 4", "pad them to 4x16"),
        ((2, 3, 16, 16), "samples are 3x16x16, the input is 1x16x16", "3 channels instead of 1"),
        ((2, 16), "samples are 16, the input is 1x16x16", ""),
    ],
)
def test_a_size_that_is_not_taken_is_named_with_what_to_do(shape: tuple[int, ...], message: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        model_of().reconstruct(samples(*shape))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_padding_that_is_proposed_works_when_typed() -> None:
    values, model = samples(2, 1, 30, 33), model_of()
    with pytest.raises(DataError) as caught:
        model.encode(values)
    padded = eval(caught.value.hint.partition(": ")[2], {"numpy": np, "values": values})
    assert model.encode(padded).shape == (2, 3, 8, 9)


def test_a_size_below_a_kernel_is_refused() -> None:
    model = model_of((1, 16, 16), "any", encoder=[conv(kernel=5, padding=0)])
    assert model.reconstruct(samples(2, 1, 5, 9)).shape == (2, 1, 5, 9)
    with pytest.raises(DataError, match="too small for the model: kernel 5 with padding 0 does not fit 4x9 pixels"):
        model.reconstruct(samples(2, 1, 4, 9))


def test_codes_of_another_width_are_refused() -> None:
    with pytest.raises(DataError, match="codes are 4x5x5, the model's are 3x4x4, or on another grid"):
        model_of().decode(samples(2, 4, 5, 5))


def test_without_sizes_there_is_one_size() -> None:
    with pytest.raises(DataError, match="samples are 1x20x20, the input is 1x16x16"):
        model_of(sizes=None).encode(samples(2, 1, 20, 20))
    with pytest.raises(DataError, match=r"codes are 3x5x5, the model's are 3x4x4$"):
        model_of(sizes=None).decode(samples(2, 3, 5, 5))


def test_training_keeps_to_the_declared_size() -> None:
    with pytest.raises(DataError, match="samples are 1x20x20, the input is 1x16x16"):
        aezoo.train(model_of().spec, samples(20, 1, 20, 20), device="cpu")


def test_images_of_a_folder_keep_their_size(tmp_path: Path) -> None:
    from PIL import Image

    for name in "ab":
        Image.fromarray((255 * samples(24, 20)).astype(np.uint8)).save(tmp_path / f"{name}.png")
    assert model_of().reconstruct(tmp_path).shape == (2, 1, 24, 20)
    assert model_of((3, 16, 16)).reconstruct(tmp_path / "a.png").shape == (1, 3, 24, 20)


# --- tiles --------------------------------------------------------------------------------------------------

BOUNDED: dict[str, Any] = {"encoder": [*HALVED, {"type": "residual", "body": [conv(), conv(norm="batch")]}]}


@pytest.mark.parametrize(("tile", "overlap"), [(48, None), (64, 24), (64, 36), (32, 28)])
@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 16)], ids=["image", "signal"])
def test_tiles_that_overlap_by_what_is_seen_are_the_whole(shape: Any, tile: int, overlap: int | None) -> None:
    model = model_of(shape, **BOUNDED)
    x = samples(2, shape[0], *(100, 132)[: len(shape) - 1])
    codes, whole = model.encode(x), model.reconstruct(x)
    # Sums of float32 in another order: the seams are below 1e-5.
    np.testing.assert_allclose(model.encode(x, tile=tile, overlap=overlap), codes, atol=1e-6)
    np.testing.assert_allclose(model.decode(codes, tile=tile, overlap=overlap), whole, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(x, tile=tile, overlap=overlap), whole, atol=1e-6)
    logvar = model.encode(x, what="logvar", tile=tile, overlap=overlap)
    np.testing.assert_allclose(logvar, model.encode(x, what="logvar"), atol=1e-6)


def test_the_exact_overlap_is_not_larger_than_it_must_be() -> None:
    model, x = model_of(**BOUNDED), samples(1, 1, 128, 128)
    whole = model.encode(x)
    np.testing.assert_allclose(model.encode(x, tile=64, overlap=24), whole, atol=1e-6)
    with pytest.warns(DataWarning, match="overlap = 24 is exact"):
        assert np.abs(model.encode(x, tile=64, overlap=20) - whole).max() > 1e-6


def test_patches_need_no_overlap() -> None:
    patches = {"encoder": [conv(kernel=4, stride=4, padding=0)], "decoder": [{**UP, "kernel": 4, "padding": 0}]}
    model, x = model_of(**patches), samples(2, 1, 64, 48)
    np.testing.assert_allclose(model.reconstruct(x, tile=16), model.reconstruct(x), atol=1e-6)
    assert plan(model.spec, 16, None).overlap == 0


def test_tiles_of_what_sees_everything_are_blended_and_it_is_said_by_how_much_they_differ() -> None:
    model, x = model_of(), samples(1, 1, 64, 64)
    with pytest.warns(DataWarning) as caught:
        tiled = model.reconstruct(x, tile=32, overlap=16)
    (warning,) = caught
    message = str(warning.message)
    assert warning.filename == __file__
    assert "tiles of 32 that overlap by 16 are an approximation, the model sees all positions" in message
    said = float(message.split("differ by up to ")[1].split(",")[0])
    assert 0 < np.abs(tiled - model.reconstruct(x)).max() < 2 * said


def test_blending_leaves_less_of_a_seam_than_cutting() -> None:
    model, x = model_of(encoder=[conv(norm="group"), *HALVED]), samples(1, 1, 64, 64)
    whole = model.reconstruct(x)
    with pytest.warns(DataWarning):
        blended, cut = model.reconstruct(x, tile=32, overlap=16), model.reconstruct(x, tile=32, overlap=0)
    assert np.abs(blended - whole).max() < np.abs(cut - whole).max()


def test_an_overlap_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="overlap = 4 is that of tiles"):
        model_of().encode(samples(1, 1, 16, 16), overlap=4)


# --- memory -------------------------------------------------------------------------------------------------


def test_as_many_samples_pass_at_once_as_the_estimate_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = model_of(), []
    model.network.encoder[0].register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    model.encode(samples(140, 1, 16, 16))
    assert seen == [128, 12]
    seen.clear()
    sample = model.spec.at((1, 16, 16))
    monkeypatch.setattr("aezoo.model.WORKING", 3 * memory(sample).in_use)
    model.encode(samples(8, 1, 16, 16))
    assert seen == [3, 3, 2]
    seen.clear()
    model.encode(samples(8, 1, 16, 16), batch_size=5)
    assert seen == [5, 3]
    seen.clear()
    model.encode(samples(2, 1, 64, 64))
    assert seen == [1, 1]
    seen.clear()
    with pytest.warns(DataWarning):
        model.encode(samples(3, 1, 32, 32), tile=16)
    assert seen[0] == 3


def test_a_sample_that_does_not_fit_into_memory_is_refused_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free", lambda device: 1 << 17)
    monkeypatch.setattr("aezoo.model.WORKING", 1 << 16)
    x = samples(1, 1, 128, 256)
    with pytest.raises(DataError, match=r"one sample of 1x128x256 takes about .* KiB, 128 KiB are free") as caught:
        model_of().encode(x)
    assert "--tile" in caught.value.hint
    with pytest.warns(DataWarning):
        assert model_of().encode(x, tile=16).shape == (1, 3, 32, 64)


def test_free_memory_is_what_the_system_says() -> None:
    available = devices.free(torch.device("cpu"))
    assert available is None or 1 << 20 < available < 1 << 50
    assert devices.free(torch.device("meta")) is None


def test_no_verb_keeps_what_a_gradient_would_need() -> None:
    assert WORKING == 1 << 30
    model, x = model_of(), torch.from_numpy(samples(2, 1, 16, 16))
    codes = model.encode(x)
    for result in (codes, model.decode(codes), model.reconstruct(x), model.score(x)):
        assert not result.requires_grad
        assert not result.is_inference()


WIDE: dict[str, Any] = {
    "name": "wide",
    "input": {"shape": [1, 1024, 1024], "sizes": "any"},
    "encoder": [conv(32) for _ in range(20)],
    "latent": {"type": "deterministic", "dim": 1, "layout": "spatial"},
    "regularizers": {"l2": {}},
}


def test_a_model_that_training_cannot_hold_is_refused_to_train_and_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"brings what a pass keeps of one sample to .*; the limit is 2 GiB"):
        aezoo.build(WIDE)
    with pytest.raises(SpecError, match="AZ604"):
        aezoo.train(WIDE, samples(4, 1, 1024, 1024))
    aezoo.save(aezoo.build(WIDE, seed=0, limits=LIMITS_IN_USE), tmp_path / "wide")
    model = aezoo.load(tmp_path / "wide", device="cpu")
    assert model.reconstruct(samples(2, 1, 64, 48)).shape == (2, 1, 64, 48)
    with pytest.raises(SpecError, match=r"holds of one sample at once to .*; the limit is 16 MiB") as caught:
        aezoo.load(tmp_path / "wide", limits=LIMITS_IN_USE._replace(in_use=1 << 24))
    assert "`--limit in_use=BYTES`" in str(caught.value)


class Live(TorchDispatchMode):
    """Counts the bytes of values that are alive at once, those of weights left out."""

    def __init__(self, weights: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.known = {weight.untyped_storage().data_ptr() for weight in weights}
        self.storages: WeakValueDictionary[int, torch.UntypedStorage] = WeakValueDictionary()
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor) and (storage := value.untyped_storage()).data_ptr() not in self.known:
                self.storages[storage.data_ptr()] = storage
        self.peak = max(self.peak, sum(storage.nbytes() for storage in self.storages.values()))
        return result


@pytest.mark.parametrize(
    "encoder",
    [
        [*HALVED],
        [conv(norm="group", activation="silu"), *HALVED],
        [{"type": "residual", "body": [conv(8, stride=2), conv(8, norm="batch")], "scale": 0.5, "activation": "relu"}],
        [conv(16, stride=2), "attention", conv(stride=2)],
    ],
    ids=["convolutions", "norm", "residual", "attention"],
)
def test_a_pass_holds_no_more_at_once_than_is_declared_and_not_much_less(encoder: Any) -> None:
    model = model_of((1, 64, 64), encoder=encoder)
    x = torch.from_numpy(samples(4, 1, 64, 64))
    network = model.network.eval()
    with torch.no_grad(), Live([*network.parameters(), *network.buffers()]) as live:
        held = x.clone()  # as the verb holds a batch
        network.decode(network.encode(held).mean)
    declared = 4 * memory(model.spec).in_use
    assert declared / 3 < live.peak <= declared
