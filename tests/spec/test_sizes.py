"""Sizes: windows against what layers compute, and what `check` refuses of `input.sizes`."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import pytest
import torch
from torch import nn

from aezoo.building.builder import build
from aezoo.errors import SpecError
from aezoo.nn.resampling import resize
from aezoo.reading.reader import check, read
from aezoo.spec.document import Spec
from aezoo.spec.sizes import nearest_sizes, views
from aezoo.spec.window import EVERYWHERE, Window

Table = dict[str, Any]
SPATIAL: Table = {"type": "deterministic", "dim": 3, "layout": "spatial"}
FLAT: Table = {"type": "deterministic", "dim": 3}


def conv(channels: int = 4, **more: Any) -> Table:
    return {"type": "conv", "channels": channels, **more}


UP: Table = {"type": "conv_transpose", "channels": 1, "stride": 4}
HALVED = [conv(kernel=4, stride=2, padding=1), conv(stride=2)]


def spec_of(sizes: Any = 4, shape: tuple[int, ...] = (1, 16, 16), **changes: Any) -> Table:
    given = {"shape": list(shape), **({} if sizes is None else {"sizes": sizes})}
    return {"name": "t", "input": given, "encoder": HALVED, "latent": SPATIAL, **changes}


def faults(table: Table) -> dict[str, tuple[str, str, str]]:
    """Code, message and hint of errors, by place."""
    with pytest.raises(SpecError) as caught:
        read(table)
    errors = (fault for fault in caught.value.faults if fault.level == "error")
    return {fault.place: (fault.code, fault.message, fault.hint) for fault in errors}


# --- windows ------------------------------------------------------------------------------------------------


def test_windows_of_a_chain_add_up_as_the_textbook_says() -> None:
    # Kernel 4 and stride 2, then kernel 3 and stride 2: 4 + (3 - 1) * 2 = 8 positions, 4 apart.
    there = Window(2, 1, 2, 2).then(Window(2, 1, 1, 2))
    assert there == Window(4, 3, 4, 4)
    assert there.positions == 8
    assert there.then(Window(Fraction(1, 4), 0, 0)).stride == 1
    assert Window(2, multiple=2).then(EVERYWHERE) == Window(2, inf, inf, 2)
    assert EVERYWHERE.positions is None


@pytest.mark.parametrize(
    ("window", "overlap"),
    [
        (Window(), 0),
        (Window(1, 1, 1), 2),  # a kernel of 3: the earlier tile is wrong at its last position, the later at its first
        (Window(4, 0, 3, 4), 0),  # patches side by side
        (Window(2, 1, 1, 2), 2),
        (Window(2, 1, 2, 2), 3),
        (Window(Fraction(1, 2), Fraction(1, 2), 0), 0),  # each position twice
        (Window(Fraction(1, 2), 1, 1), 2),
        (EVERYWHERE, None),
    ],
)
def test_the_overlap_that_is_needed(window: Window, overlap: int | None) -> None:
    assert window.overlap == overlap


def test_what_a_later_part_needs_is_needed_of_the_first_input() -> None:
    down, up = Window(2, multiple=2), Window(Fraction(1, 2))
    assert down.then(down).then(down).multiple == 8
    assert up.then(down).multiple == 1  # doubled first: any size is halved again
    assert down.then(up).then(down).multiple == 2
    assert Window(3, multiple=3).then(down).multiple == 6


CHAINS: list[list[Any]] = [
    HALVED,
    [conv(dilation=2), conv(kernel=5, padding=0), {"type": "pool", "size": 2}],
    [conv(norm="batch"), {"type": "upsample", "factor": 2, "mode": "linear"}, {"type": "pool", "size": 4}],
    [{"type": "residual", "body": [conv(stride=2), conv()]}, {"type": "dropout", "p": 0.1}],
    [{"type": "residual", "body": [{"type": "upsample", "factor": 2}, conv(8)]}, conv(stride=2)],
    [{"type": "conv_transpose", "channels": 4, "kernel": 4, "stride": 2, "padding": 1}, conv(stride=4)],
]


@pytest.mark.parametrize("encoder", CHAINS, ids=range(len(CHAINS)))
@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 48)], ids=["image", "signal"])
def test_no_gradient_reaches_the_reconstruction_from_beyond_its_window(encoder: list[Any], shape: Any) -> None:
    spec = check(spec_of(None, shape, encoder=encoder))[0]
    seen = views(spec)
    assert seen is not None
    network = build(spec, seed=0).network.eval()
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    raw = network(x).raw
    j = shape[-1] // 2
    (gradient,) = torch.autograd.grad(raw[..., j].square().sum(), x)
    touched = gradient.flatten(0, -2).abs().sum(0).nonzero().flatten().tolist()
    assert j - seen.both.before <= min(touched)
    assert max(touched) <= j + seen.both.after
    assert len(touched) > 1


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("factor", [1, 2, 3, 5, 7, 16])
def test_a_resize_by_a_factor_has_the_bits_of_a_resize_to_the_size(mode: str, factor: int) -> None:
    x = torch.randn(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    size = (7 * factor, 5 * factor)
    by_size = nn.Upsample(size=size, mode="bilinear" if mode == "linear" else mode)(x)
    assert resize(size, mode=mode, factor=factor)(x).equal(by_size)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"latent": FLAT}, "latent"),
        ({"encoder": ["flatten"], "latent": FLAT}, "encoder[0]"),
        ({"encoder": [{"type": "reshape", "shape": [16, 4, 4]}]}, "encoder[0]"),
        ({"encoder": ["global_pool"], "latent": FLAT}, "encoder[0]"),
        ({"latent": {**SPATIAL, "prior": "fitted_gaussian"}}, "latent.prior"),
        ({"decoder": {"upsampling": "resize"}}, "decoder"),  # an even kernel: to one position more
        ({"decoder": [{"type": "upsample", "size": [16, 16]}, conv(1)]}, "decoder.layers[0]"),
        (
            {"decoder": [conv(), {"type": "conv_transpose", "channels": 1, "stride": 4, "size": [16, 16]}]},
            "decoder.layers[1]",
        ),
    ],
)
def test_a_part_of_one_size_is_refused_where_it_stands(changes: Table, place: str) -> None:
    code, message, hint = faults(spec_of(**changes))[place]
    assert code == "AZ408"
    assert message
    assert hint


def test_encodings_of_positions_are_refused_and_their_absence_is_not() -> None:
    learned = spec_of("any", (4, 16), encoder=["transformer"])
    assert faults(learned)["encoder[0]"][0] == "AZ408"
    seen = views(read({**learned, "encoder": [{"type": "transformer", "positions": "none"}]}))
    assert seen is not None
    assert not seen.encoder.bounded


def test_a_vector_has_no_sizes() -> None:
    table = {"name": "t", "input": {"shape": [8], "sizes": "any"}, "latent": FLAT}
    assert faults(table)["input.sizes"][0] == "AZ408"


def test_the_strides_say_which_multiple_is_needed_and_it_is_accepted_when_typed() -> None:
    code, message, hint = faults(spec_of("any"))["input.sizes"]
    assert (code, hint) == ("AZ409", "sizes = 4")
    assert "divisible by 4" in message
    assert read(spec_of(4)).input.multiple == 4
    assert read(spec_of(8)).input.multiple == 8
    assert check(spec_of("any", encoder=[conv()]))[0].input.multiple == 1


def test_the_declared_shape_is_one_of_the_sizes() -> None:
    code, _, hint = faults(spec_of(4, (1, 18, 16)))["input.shape"]
    assert (code, hint) == ("AZ409", "shape = [1, 16, 16] or [1, 20, 16]")


@pytest.mark.parametrize("sizes", ["all", 0, -4, True, 1.5])
def test_sizes_are_any_or_a_multiple(sizes: Any) -> None:
    assert "input.sizes" in faults(spec_of(sizes))


def test_a_spec_without_sizes_has_the_fingerprints_that_it_had() -> None:
    plain: Spec = read(spec_of(None))
    assert "sizes" not in plain.document()["input"]
    assert plain.input.multiple is None
    assert read(spec_of(4)).arch != plain.arch
    assert plain.at(plain.input.shape) is plain


def test_the_nearest_sizes_are_never_empty() -> None:
    assert nearest_sizes((30, 33, 3), 4) == ((28, 32, 4), (32, 36, 4))
