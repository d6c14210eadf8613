"""Schedules as data: finite everywhere, within what they say of themselves, the same again from JSON."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from retune_widget import schedules

numbers = st.floats(-1e6, 1e6)
counts = st.integers(1, 300)
factors = st.floats(0.01, 3)
plain = st.one_of(
    st.builds(schedules.constant, numbers),
    st.builds(schedules.linear, numbers, numbers, counts),
    st.builds(schedules.cosine, numbers, numbers, counts),
    st.builds(lambda start, every, factor: schedules.step(start, every=every, factor=factor), numbers, counts, factors),
    st.builds(
        lambda start, rate, steps, staircase: schedules.exponential(start, rate, steps, staircase=staircase),
        numbers, factors, counts, st.booleans(),
    ),
    st.builds(
        lambda peak, steps, rise: schedules.one_cycle(peak, steps, rise=rise), numbers, counts, st.floats(0.01, 0.99)
    ),
    st.builds(
        lambda low, high, up, down, decay: schedules.cyclic(low, high, up, down, decay=decay),
        numbers, numbers, counts, st.one_of(st.none(), counts), factors,
    ),
    st.builds(schedules.table, st.lists(numbers, min_size=1, max_size=30)),
    st.builds(
        lambda first, more: schedules.piecewise({0: first, **more}), numbers, st.dictionaries(counts, numbers)
    ),
)  # fmt: skip
warmed = st.builds(lambda steps, then, start: schedules.warmup(steps, then, start=start), counts, plain, numbers)
every = st.one_of(plain, warmed)


@settings(deadline=None)
@given(schedule=every, step=st.integers(0, 10**7))
def test_finite_at_every_step(schedule, step):
    assert math.isfinite(schedule(step))


@settings(deadline=None)
@given(schedule=every, until=st.integers(0, 400))
def test_within_its_extremes_which_it_reaches(schedule, until):
    values = [schedule(step) for step in range(until + 1)]
    assert schedule.extremes(until) == (min(values), max(values))


@settings(deadline=None)
@given(schedule=every, step=st.integers(0, 2000))
def test_the_same_from_json(schedule, step):
    again = schedules.from_record(json.loads(json.dumps(schedule.record())))
    assert again == schedule
    assert again(step) == schedule(step)


@settings(deadline=None)
@given(schedule=every, more=st.integers(0, 1000))
def test_the_same_from_its_end_on(schedule, more):
    if schedule.length is not None:
        assert schedule(schedule.length + more) == schedule(schedule.length)
