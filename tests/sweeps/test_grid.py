"""The grid of a sweep: values as they are typed, every combination of them, and names for folders."""

from __future__ import annotations

import pytest

from aezoo.errors import UsageError
from aezoo.sweeps.grid import axes_of, axis_of, points


def test_values_are_parted_by_commas_and_ranges_have_both_ends() -> None:
    assert axis_of("latent.dim=4,8,16") == ("latent.dim", ("4", "8", "16"))
    assert axis_of("training.seed=0..4").values == ("0", "1", "2", "3", "4")
    assert axis_of("seed=7, 1..2") == ("training.seed", ("7", "1", "2"))
    assert axis_of("latent.dim=8").values == ("8",)
    assert axis_of("latent.dim=8,8").values == ("8",)


def test_commas_in_brackets_and_quotes_belong_to_the_value() -> None:
    assert axis_of('encoder=[{type="linear", features=4}],[]').values == ('[{type="linear", features=4}]', "[]")
    assert axis_of('name="a,b",c').values == ('"a,b"', "c")


def test_values_from_python_are_those_that_are_typed() -> None:
    axes = axes_of({"latent.dim": [4, 8], "seed": range(2), "likelihood": ["mse", "laplace"]})
    assert axes == [
        ("latent.dim", ("4", "8")),
        ("training.seed", ("0", "1")),
        ("likelihood", ("mse", "laplace")),
    ]


def test_a_grid_has_every_combination_under_a_readable_name() -> None:
    made = points(axes_of(["latent.dim=4,8", "seed=0..1", "training.epochs=3"]))
    assert [point.name for point in made] == ["dim=4,seed=0", "dim=4,seed=1", "dim=8,seed=0", "dim=8,seed=1"]
    assert made[1].overrides == ("latent.dim=4", "training.seed=1", "training.epochs=3")
    assert made[1].settings == {"latent.dim": "4", "training.seed": "1"}


def test_names_tell_settings_apart_and_fit_a_folder() -> None:
    assert points(axes_of(["a.rate=1,2", "b.rate=1,2"]))[0].name == "a.rate=1,b.rate=1"
    assert points(axes_of(["encoder.0.features=1,2"]))[0].name == "features=1"
    names = [point.name for point in points(axes_of(["a=/x,/X"]))]
    assert names == ["a=_x", "a=_X~2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["latent.dim"], "takes PATH=VALUES"),
        (["latent.dim=4,,8"], "a value is missing"),
        (["seed=4..0"], "goes down"),
        (["seed=0..1", "training.seed=2"], "is set twice"),
        (["seed=0..99", "latent.dim=0..199"], "20,000 trials"),
        (["seed=0..999999999"], "1,000,000,000 values"),
    ],
)
def test_what_makes_no_grid_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        points(axes_of(settings))
