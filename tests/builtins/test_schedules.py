import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aezoo.builtins.ramps import CosineSpec, LinearScheduleSpec
from aezoo.builtins.regularizers import KLSpec
from aezoo.builtins.schedules import CyclicalSpec, ExponentialSpec, OneCycleSpec, PiecewiseSpec, WarmupSpec
from aezoo.plugin import ConstantSpec
from aezoo.registry.registry import Registry

RUN = 1000


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        (LinearScheduleSpec(start=2.0, end=5.0), 2.0, 5.0),
        (LinearScheduleSpec(start=2.0, end=5.0, steps=10, delay=5), 2.0, 5.0),
        (CosineSpec(start=3.0, end=1.0), 3.0, 1.0),
        (CosineSpec(start=3.0, end=1.0, steps=10), 3.0, 1.0),
        (ExponentialSpec(start=1e-3, end=1e-5), 1e-3, 1e-5),
        (CyclicalSpec(start=0.5, end=4.0), 0.5, 4.0),
        (PiecewiseSpec(values=(1.0, 0.1), at=(100,)), 1.0, 0.1),
        (ConstantSpec(value=0.25), 0.25, 0.25),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else "",
)
def test_a_schedule_starts_and_ends_where_it_says(schedule, start, end):
    assert schedule.value(0, RUN) == start
    assert schedule.value(RUN, RUN) == pytest.approx(end, rel=1e-12)
    assert schedule.value(5 * RUN, RUN) == pytest.approx(end, rel=1e-12)


def test_a_line_is_half_way_in_the_middle():
    assert LinearScheduleSpec(start=0.0, end=4.0, steps=100, delay=50).value(100, RUN) == 2.0
    assert LinearScheduleSpec(start=0.0, end=4.0, delay=500).value(750, RUN) == 2.0


def test_a_cosine_is_half_way_in_the_middle():
    assert CosineSpec(start=4.0, end=2.0, warmup=200).value(600, RUN) == pytest.approx(3.0)


def test_a_warm_up_climbs_from_above_zero_to_the_top():
    schedule = CosineSpec(start=1.0, warmup=4)
    assert [schedule.value(step, RUN) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("settings", [{}, {"rise": 0.5, "start": 0.1, "end": 0.01}])
@pytest.mark.parametrize("steps", [10, 97, 1000])
def test_one_cycle_is_that_of_torch(settings, steps):
    schedule = OneCycleSpec(peak=2.0, **settings)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    start = settings.get("start", 0.04)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        2.0,
        total_steps=steps,
        pct_start=settings.get("rise", 0.3),
        div_factor=1 / start,
        final_div_factor=start / settings.get("end", 4e-6),
    )
    for step in range(steps):
        assert schedule.value(step, steps) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        if step + 1 < steps:
            optimizer.step()
            theirs.step()
    assert schedule.value(steps, steps) == schedule.value(10 * steps, steps) == pytest.approx(2.0 * schedule.end)
    assert schedule.bounds() == (2.0 * min(schedule.start, schedule.end), 2.0)


def test_one_cycle_of_a_run_too_short_to_rise_falls_from_the_peak():
    schedule = OneCycleSpec(peak=1.0)
    assert [schedule.value(step, 2) for step in range(3)] == pytest.approx([1.0, 4e-6, 4e-6])
    assert schedule.value(0, 1) == 1.0


def test_an_exponential_falls_by_the_same_factor_each_step():
    schedule = ExponentialSpec(start=1.0, end=1e-4, steps=100)
    factors = [schedule.value(step + 1, RUN) / schedule.value(step, RUN) for step in range(100)]
    assert factors == pytest.approx([0.1 ** (4 / 100)] * 100)


def test_a_cycle_climbs_rests_and_starts_over():
    schedule = CyclicalSpec(cycles=4, ratio=0.5)
    climbing = [0.0, 0.4, 0.8, 1.0, 1.0]
    assert [schedule.value(step, RUN) for step in range(0, 250, 50)] == pytest.approx(climbing)
    assert [schedule.value(step, RUN) for step in range(250, 500, 50)] == pytest.approx(climbing)


def test_a_piecewise_schedule_jumps_at_its_steps():
    schedule = PiecewiseSpec(values=(1.0, 0.1, 0.01), at=(10, 20))
    assert [schedule.value(step, RUN) for step in (9, 10, 19, 20)] == [1.0, 0.1, 0.1, 0.01]


@pytest.mark.parametrize(
    ("values", "at", "says"),
    [
        ((1.0, 0.1), (), "need 1 steps"),
        ((1.0, 0.1, 0.2), (20, 10), "rising"),
        ((1.0, 0.1), (0,), "from 1 on"),
    ],
)
def test_steps_that_do_not_fit_the_values_are_refused(values, at, says):
    with pytest.raises(ValidationError, match=says):
        PiecewiseSpec(values=values, at=at)


@given(step=st.integers(0, 2000), steps=st.integers(1, 1500), delay=st.integers(0, 1600))
def test_a_line_never_leaves_its_ends(step, steps, delay):
    assert 1.0 <= LinearScheduleSpec(start=1.0, end=3.0, delay=delay).value(step, steps) <= 3.0
    assert 1.0 <= CosineSpec(start=3.0, end=1.0).value(step, steps) <= 3.0


def test_a_bare_number_is_a_constant_and_needs_no_registry():
    assert KLSpec(weight=3).weight == ConstantSpec(value=3.0)
    assert KLSpec().weight.value(7, RUN) == 1.0


def test_a_constant_is_written_as_the_number_it_is():
    assert KLSpec(weight=0.5).model_dump()["weight"] == 0.5
    assert '"weight":0.5' in KLSpec(weight=ConstantSpec(value=0.5)).model_dump_json()


def test_a_schedule_reads_back_equal():
    registry = Registry()
    registry.add([LinearScheduleSpec])
    table = {"weight": {"type": "linear", "start": 0.0, "end": 4.0, "steps": 5000}}
    term = KLSpec.model_validate(table, context={"registry": registry})
    assert term.weight == LinearScheduleSpec(start=0.0, end=4.0, steps=5000)
    assert KLSpec.model_validate(term.model_dump(mode="json"), context={"registry": registry}) == term


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), True, [1.0]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(ValidationError):
        KLSpec(weight=bad)


NUMBER, POSITIVE, STEPS = st.floats(-9, 9), st.floats(1e-3, 9), st.integers(1, 40)
SCHEDULES = st.one_of(
    st.builds(lambda value: ConstantSpec(value=value), NUMBER),
    st.builds(LinearScheduleSpec, start=NUMBER, end=NUMBER, steps=st.none() | STEPS, delay=STEPS),
    st.builds(CosineSpec, start=NUMBER, end=NUMBER, steps=st.none() | STEPS, warmup=st.integers(0, 40)),
    st.builds(ExponentialSpec, start=POSITIVE, end=POSITIVE, steps=st.none() | STEPS),
    st.builds(CyclicalSpec, start=NUMBER, end=NUMBER, cycles=STEPS, ratio=st.floats(0.1, 1)),
    st.builds(lambda a, b, c: PiecewiseSpec(values=(a, b, c), at=(3, 9)), NUMBER, NUMBER, NUMBER),
)


@given(SCHEDULES, STEPS)
def test_no_number_of_a_schedule_lies_outside_its_bounds(schedule, run):
    low, high = schedule.bounds()
    numbers = [schedule.value(step, run) for step in range(run + 2)]
    assert min(numbers) >= low - 1e-9  # the rounding of a way that is cut into steps
    assert max(numbers) <= high + 1e-9
    assert low <= high


@pytest.mark.parametrize(
    ("schedule", "numbers"),
    [
        # A run of eight steps, and two beyond it.
        (LinearScheduleSpec(start=1.0, end=5.0), [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5]),
        (LinearScheduleSpec(start=1.0, end=5.0, delay=4), [1, 1, 1, 1, 1, 2, 3, 4, 5, 5]),
        (LinearScheduleSpec(start=1.0, end=5.0, delay=2, steps=4), [1, 1, 1, 2, 3, 4, 5, 5, 5, 5]),
        (LinearScheduleSpec(start=1.0, end=5.0, delay=8), [1, 1, 1, 1, 1, 1, 1, 1, 1, 5]),
        (LinearScheduleSpec(start=1.0, end=5.0, delay=20), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (CosineSpec(start=4.0, end=2.0, steps=2, warmup=3), [1, 2, 3, 4, 3, 2, 2, 2, 2, 2]),
        (CosineSpec(start=4.0, end=2.0, warmup=6), [4 / 7, 8 / 7, 12 / 7, 16 / 7, 20 / 7, 24 / 7, 4, 3, 2, 2]),
        (ExponentialSpec(start=16.0, end=1.0, steps=4), [16, 8, 4, 2, 1, 1, 1, 1, 1, 1]),
        (ExponentialSpec(start=256.0, end=1.0), [256, 128, 64, 32, 16, 8, 4, 2, 1, 1]),
        (CyclicalSpec(start=1.0, end=3.0, cycles=2, ratio=0.5), [1, 2, 3, 3, 1, 2, 3, 3, 3, 3]),
        (CyclicalSpec(start=1.0, end=5.0, cycles=1, ratio=1.0), [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5]),
        (PiecewiseSpec(values=(3.0, 2.0, 7.0), at=(1, 5)), [3, 2, 2, 2, 2, 7, 7, 7, 7, 7]),
        (ConstantSpec(value=0.3), [0.3] * 10),
    ],
    ids=lambda value: value.model_dump_json(exclude_defaults=True) if hasattr(value, "model_dump_json") else "",
)
def test_the_numbers_of_a_short_run_are_those_on_paper(schedule, numbers):
    assert [schedule.value(step, 8) for step in range(10)] == pytest.approx(numbers, rel=1e-12)


@pytest.mark.parametrize(
    ("schedule", "ends"),
    [
        (LinearScheduleSpec(start=5.0, end=1.0), (1, 5)),
        (CosineSpec(start=4.0, end=2.0), (2, 4)),
        (CosineSpec(start=4.0, end=2.0, warmup=3), (1, 4)),
        (CosineSpec(start=1.0, end=6.0, warmup=3), (0.25, 6)),
        (ExponentialSpec(start=16.0, end=1.0), (1, 16)),
        (CyclicalSpec(start=5.0, end=3.0), (3, 5)),
        (PiecewiseSpec(values=(3.0, 2.0, 7.0), at=(1, 5)), (2, 7)),
        (ConstantSpec(value=0.3), (0.3, 0.3)),
    ],
    ids=lambda value: value.model_dump_json(exclude_defaults=True) if hasattr(value, "model_dump_json") else "",
)
def test_the_bounds_of_a_schedule_are_met(schedule, ends):
    assert schedule.bounds() == pytest.approx(ends)
    numbers = [schedule.value(step, RUN) for step in range(RUN + 1)]
    assert (min(numbers), max(numbers)) == pytest.approx(ends)


def test_the_defaults_of_schedules_are_those_that_the_docs_name():
    assert (LinearScheduleSpec().start, LinearScheduleSpec().end, LinearScheduleSpec().delay) == (0, 1, 0)
    assert (CosineSpec(start=1.0).end, CosineSpec(start=1.0).warmup) == (0, 0)
    cyclical = CyclicalSpec()
    assert (cyclical.start, cyclical.end, cyclical.cycles, cyclical.ratio) == (0, 1, 4, 0.5)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LinearScheduleSpec(steps=0),
        lambda: LinearScheduleSpec(delay=-1),
        lambda: CosineSpec(start=1.0, steps=0),
        lambda: CosineSpec(start=1.0, warmup=-1),
        lambda: ExponentialSpec(start=0.0, end=1.0),
        lambda: ExponentialSpec(start=1.0, end=0.0),
        lambda: ExponentialSpec(start=1.0, end=1.0, steps=0),
        lambda: CyclicalSpec(cycles=0),
        lambda: CyclicalSpec(ratio=0.0),
        lambda: CyclicalSpec(ratio=1.01),
    ],
)
def test_a_number_just_out_of_its_range_is_refused(build):
    with pytest.raises(ValidationError):
        build()


def test_a_number_at_the_end_of_its_range_is_taken():
    assert LinearScheduleSpec(steps=1, delay=0).value(1, 8) == 1
    assert CyclicalSpec(cycles=1, ratio=1.0).value(4, 8) == 0.5
    assert PiecewiseSpec(values=(1.0, 2.0), at=(1,)).value(1, 8) == 2
    assert PiecewiseSpec(values=(1.0,), at=()).value(1, 8) == 1


@pytest.mark.parametrize("warmup", [1, 4, 200])
def test_a_warm_up_before_a_cosine_is_the_cosine_with_one(warmup):
    for steps in (10, 300, RUN):
        whole = CosineSpec(start=3.0, end=0.5, warmup=warmup)
        parts = WarmupSpec(steps=warmup, then=CosineSpec(start=3.0, end=0.5))
        assert [parts.value(step, steps) for step in range(steps + 2)] == [
            whole.value(step, steps) for step in range(steps + 2)
        ]


def test_a_warm_up_climbs_to_where_any_schedule_starts_and_moves_that_back():
    then = PiecewiseSpec(values=(1.0, 0.1), at=(2,))
    schedule = WarmupSpec(steps=3, then=then)
    assert [schedule.value(step, 9) for step in range(7)] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.1, 0.1])
    assert schedule.bounds() == (0.025, 1.0)
    assert WarmupSpec(steps=1, then=LinearScheduleSpec(start=-1.0, end=4.0)).bounds() == (-1.0, 4.0)
    assert WarmupSpec(steps=2, then=OneCycleSpec(peak=2.0)).value(500, RUN) == OneCycleSpec(peak=2.0).value(498, 998)
