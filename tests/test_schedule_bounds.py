"""Schedules that make no sense, or leave the bounds: refused at the call, or shown; never the end of training."""

import pytest
from torch import optim

import retune_widget as rt
from retune_widget import schedules
from tests.rig import network, running, sgd


@pytest.mark.parametrize(
    ("key", "schedule", "message"),
    [
        ("lr", schedules.linear(0.1, -0.1, 100), "Invalid learning rate"),
        ("momentum", schedules.linear(0.9, -0.1, 100), "Invalid momentum"),
        ("nesterov", schedules.constant(1), "nesterov is on or off: a schedule cannot drive it"),
        ("size", schedules.cosine(4, 65, 10), "size must be from 1 to 64"),
    ],
)
def test_a_schedule_that_leaves_the_bounds_is_refused_at_the_call(key, schedule, message):
    with running(lambda model: sgd(model, momentum=0.9)) as run:
        run.register("size", lambda: 4, lambda its: None, low=1, high=64)
        with pytest.raises(rt.HyperparameterError, match=message):
            run.schedule(key, schedule)
        assert (len(run.tree.nodes), run.governed) == (1, {})


def test_only_what_is_planned_counts():
    down = schedules.linear(0.1, -0.1, 100)
    with running(max_steps=40) as run:
        run.schedule("lr", down)
        run.step(40)
        assert run.history.lr.min() == pytest.approx(0.022)
        run.max_steps = 60
        run.step(20)
        assert run.history.lr.tolist()[-10:] == [0.0] * 10
        assert run.problems == ["lr is 0 in step 61: its schedule asks for -0.02, out of bounds."]


def test_a_scaled_value_stops_at_its_bound_and_says_so():
    with running() as run:
        size = [4]
        run.register("size", lambda: size[0], lambda its: size.__setitem__(0, its), low=1, high=10)
        run.schedule("size", schedules.linear(2, 8, 6))
        run.set(size=6)
        run.step(3)
        assert run.history["size"].tolist() == [6, 9, 10]
        assert "size is 10 in step 4: its schedule asks for 15, out of bounds." in run.problems
        run.release("size")
        run.step(1)
        assert run.problems == []


def test_a_setter_that_raises_in_mid_run_is_a_problem_and_not_the_end():
    value = [0.1]

    def put(new):
        if new > 0.31:
            raise OSError("no room")
        value[0] = new

    with running() as run:
        run.register("noise", lambda: value[0], put)
        run.schedule("noise", schedules.linear(0.1, 0.5, 4))
        run.step(5)
        assert run.history["noise"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])
        assert run.problems == ["noise was not taken: OSError: no room"]


def test_overflow_is_no_end_either():
    with running() as run:
        run.schedule("lr", schedules.constant(1e300))
        run.step(1)
        run.schedule("lr", schedules.exponential(1e-3, 1e300, 1))
        run.step(3)
        assert run.history.lr.tolist() == [1e30, 1e-3, 1e30, 1e30]
        assert "out of bounds" in run.problems[0]


def test_what_is_no_schedule_is_refused():
    scheduler = optim.lr_scheduler.ExponentialLR(sgd(network()), 0.5)
    for given in (lambda step: 0.1, 0.1, scheduler):
        with running() as run, pytest.raises(rt.ScheduleError, match=r"is no schedule.*schedules\.table"):
            run.schedule("lr", given)
    with pytest.raises(rt.ScheduleError, match="is no schedule"):
        rt.Run(network(), sgd(network()), step=lambda batch: None, path=":memory:", schedules={"lr": 0.1})
    ignored = pytest.raises(rt.HyperparameterError, match="lr would have no effect: Rprop")
    with running(lambda model: optim.Rprop(model.parameters())) as run, ignored:
        run.schedule("lr", schedules.constant(0.01))
