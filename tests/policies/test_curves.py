"""Every curve against a formula of its own, or against torch's scheduler of that shape."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

import retune_widget as rt
from retune_widget import schedules
from retune_widget.errors import ScheduleError

CLOSE = {"rtol": 1e-12, "atol": 1e-15}


def values(schedule, steps):
    return [schedule(step) for step in range(steps)]


def by_torch(make, steps, lr=1.0):
    """What a scheduler of torch's gives in each step."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_exponential_is_start_times_rate_to_the_power_of_steps():
    at = np.arange(500)
    np.testing.assert_allclose(values(schedules.exponential(0.3, 0.9, 40), 500), 0.3 * 0.9 ** (at / 40), **CLOSE)
    stairs = schedules.exponential(0.3, 0.9, 40, staircase=True)
    np.testing.assert_allclose(values(stairs, 500), 0.3 * 0.9 ** (at // 40), **CLOSE)
    assert stairs(39) == 0.3
    assert stairs(40) == pytest.approx(0.27, rel=1e-12)


def test_constant_piecewise_and_table():
    assert values(schedules.constant(0.2), 3) == [0.2] * 3
    stairs = schedules.piecewise({10: 0.05, 0: 0.1, 12: 0.5})
    assert values(stairs, 14) == [0.1] * 10 + [0.05] * 2 + [0.5] * 2
    assert values(schedules.table([3, 1, 2]), 5) == [3, 1, 2, 2, 2]


def test_linear_and_warmup():
    np.testing.assert_allclose(values(schedules.linear(0.1, 0.5, 4), 6), [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], **CLOSE)
    warm = schedules.warmup(4, schedules.linear(0.8, 0.4, 2), start=0.4)
    np.testing.assert_allclose(values(warm, 8), [0.4, 0.5, 0.6, 0.7, 0.8, 0.6, 0.4, 0.4], **CLOSE)
    assert schedules.warmup(4, schedules.constant(1))(1) == 0.25


@pytest.mark.parametrize(
    ("schedule", "make", "steps"),
    [
        (schedules.step(1.0, every=7, factor=0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5), 60),
        (schedules.cosine(1.0, 0.01, 50), lambda o: lr_scheduler.CosineAnnealingLR(o, 50, 0.01), 51),
        (schedules.linear(0.1, 1.0, 30), lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 30), 60),
        (schedules.one_cycle(1.0, 100), lambda o: lr_scheduler.OneCycleLR(o, 1.0, 100, cycle_momentum=False), 100),
        (
            schedules.one_cycle(2.0, 37, rise=0.41, start_factor=0.1, end_factor=0.01),
            lambda o: lr_scheduler.OneCycleLR(
                o, 2.0, 37, pct_start=0.41, div_factor=10, final_div_factor=100, cycle_momentum=False
            ),
            37,
        ),
        (schedules.one_cycle(1.0, 2), lambda o: lr_scheduler.OneCycleLR(o, 1.0, 2, cycle_momentum=False), 2),
        (
            schedules.cyclic(0.01, 0.2, 5, 8),
            lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, 5, 8, cycle_momentum=False),
            80,
        ),
        (
            schedules.cyclic(0.01, 0.2, 6, decay=0.5),
            lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, 6, mode="triangular2", cycle_momentum=False),
            80,
        ),
    ],
    ids=lambda its: str(its) if isinstance(its, rt.Schedule) else "",
)
def test_against_torch(schedule, make, steps):
    np.testing.assert_allclose(values(schedule, steps), by_torch(make, steps), rtol=1e-12, atol=1e-12)


def test_after_their_end_they_stay():
    ending = {
        "constant": (schedules.constant(2), 0),
        "linear": (schedules.linear(0, 1, 9), 9),
        "cosine": (schedules.cosine(0, 1, 9), 9),
        "one_cycle": (schedules.one_cycle(1, 9), 8),
        "piecewise": (schedules.piecewise({0: 1, 6: 2}), 6),
        "table": (schedules.table([1, 2, 3]), 2),
        "warmup": (schedules.warmup(5, schedules.linear(1, 2, 4)), 9),
    }
    for schedule, length in ending.values():
        assert schedule.length == length
        assert schedule(length) == schedule(length + 1) == schedule(10**9)
        assert length == 0 or schedule(length - 1) != schedule(length)
    for endless in (
        schedules.step(1, every=2, factor=0.5),
        schedules.cyclic(0, 1, 3),
        schedules.exponential(1, 0.9, 5),
    ):
        assert endless.length is None
        assert schedules.warmup(3, endless).length is None


def test_a_value_above_the_largest_float_is_the_largest_float():
    assert schedules.step(1.0, every=1, factor=10.0)(400) == math.nextafter(math.inf, 0)
    assert schedules.exponential(-1.0, 10.0, 1)(400) == math.nextafter(-math.inf, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.constant(math.nan),
        lambda: schedules.constant("0.1"),
        lambda: schedules.constant(True),
        lambda: schedules.cosine(0.1, math.inf, 10),
        lambda: schedules.cosine(0.1, 0.01, 0),
        lambda: schedules.cosine(0.1, 0.01, 10.0),
        lambda: schedules.linear(-1e308, 1e308, 10),
        lambda: schedules.step(0.1, every=0, factor=0.1),
        lambda: schedules.step(0.1, every=1, factor=0.0),
        lambda: schedules.exponential(0.1, -1, 10),
        lambda: schedules.piecewise({}),
        lambda: schedules.piecewise({1: 0.1}),
        lambda: schedules.piecewise({0: 0.1, -3: 0.1}),
        lambda: schedules.piecewise({0: 0.1, 1.5: 0.1}),
        lambda: schedules.one_cycle(0.1, 10, rise=1.0),
        lambda: schedules.warmup(10, 0.1),
        lambda: schedules.cyclic(0.1, 0.2, 3, 0),
        lambda: schedules.table([]),
        lambda: schedules.table([0.1, math.nan]),
        lambda: schedules.from_record({"kind": "cosine", "start": 0.1}),
        lambda: schedules.from_record({"kind": "exec"}),
        lambda: schedules.from_record({"kind": "cosine", "start": 0.1, "end": 0.1, "steps": -1}),
        lambda: schedules.from_record([]),
        lambda: schedules.from_record({"kind": "cosine", "start": 0.1, "end": 0.1, "steps": 10**400}),
        lambda: schedules.from_record({"kind": ["cosine"]}),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ScheduleError):
        make()


def test_in_words():
    assert str(schedules.cosine(1e-3, 1e-5, 3000)) == "cosine(1e-3 → 1e-5, 3000)"
    assert str(schedules.warmup(9, schedules.cyclic(0.1, 1, 3, 4))) == "warmup(9, then cyclic(0.1 ↔ 1, 3 + 4))"
    assert str(schedules.piecewise({0: 0.1, 5: 0.2, 6: 1, 7: 3})) == "piecewise(0.1 @0, 0.2 @5, 1 @6, …)"
    assert str(schedules.step(0.1, every=5, factor=0.5)) == "step(start 0.1, every 5, factor 0.5)"
    assert str(schedules.table([1, 2])) == "table(2 values)"
