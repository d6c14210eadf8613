"""The coming values: the right ones, at few steps, looked up only when they may have become others."""

import numpy as np
import pytest
from torch import optim

from retune_widget import schedules
from retune_widget.view import ahead as module
from retune_widget.view.ahead import MOST, Ahead, grid, parted
from tests.rig import network, running, sgd


@pytest.fixture
def asked(monkeypatch):
    """How many values were looked up, each time that some were."""
    counts = []
    coming = module.access.coming

    def counted(run, key, steps, now):
        counts.append(len(steps))
        return coming(run, key, steps, now)

    monkeypatch.setattr(module.access, "coming", counted)
    return counts


def test_a_grid_is_every_step_or_few_of_them_with_the_turns():
    assert grid(3, 6) == [3, 4, 5, 6]
    wide = grid(0, 100_000, turns=(777, 200_000))
    assert (wide[0], wide[-1], len(wide)) == (0, 100_000, MOST + 3)
    assert {776, 777} <= {*wide}


def test_two_parts_of_a_line_meet():
    x, y = np.array([2.0, 4.0, 6.0]), np.array([0.0, 2.0, 0.0])
    near, far = parted(x, y, 5.0)
    assert [its.tolist() for its in (*near, *far)] == [[2, 4, 5], [0, 2, 1], [5, 6], [1, 0]]
    assert [len(part[0]) for part in parted(x, y, 6.0)] == [3, 0]
    assert [len(part[0]) for part in parted(x, y, 1.0)] == [0, 3]
    assert [len(part[0]) for part in parted(x[:0], y[:0], 1.0)] == [0, 0]


def test_the_values_to_come_are_those_that_come_and_are_looked_up_once(asked):
    ahead = Ahead()
    with running(max_steps=900) as run:
        assert len(ahead.points(run, "lr")[0]) == 0
        run.step(10)
        run.schedule("lr", schedules.cosine(0.1, 0.001, 500))
        x, y = ahead.points(run, "lr")
        assert (x[0], x[-1], y[-1]) == (10, 900, 0.001)
        assert len(x) <= MOST + 10
        assert asked == [len(x)]
        foretold = dict(zip(x.astype(int).tolist(), y.tolist(), strict=True))
        run.step(30)
        used = run.history.set_index("step").lr
        seen = [step for step in foretold if step < 40]
        assert len(seen) > 3
        assert [used[step + 1] for step in seen] == [foretold[step] for step in seen]
        later, _ = ahead.points(run, "lr")
        assert 40 - 900 / MOST < later[0] <= 40
        assert later.tolist() == x[-len(later) :].tolist()
        assert len(asked) == 1


def test_who_decides_otherwise_is_seen_at_once(asked):
    ahead = Ahead()
    with running(max_steps=100) as run:
        run.schedule("lr", schedules.constant(0.1))
        assert set(ahead.points(run, "lr")[1]) == {0.1}
        run.set(lr=0.05)
        assert set(ahead.points(run, "lr")[1]) == {0.05}
        run.hold("lr", 0.07)
        assert set(ahead.points(run, "lr")[1]) == {0.07}
        run.release("lr")
        assert set(ahead.points(run, "lr")[1]) == {0.1}
        run.max_steps = 50
        assert ahead.points(run, "lr")[0][-1] == 50
        assert len(asked) == 5
        run.schedule("lr", None)
        assert len(ahead.points(run, "lr")[0]) == 0
        run.schedule("lr", schedules.constant(0.1))
        run.step(50)
        assert len(ahead.points(run, "lr")[0]) == 0, "the planned end is reached"


def test_without_a_planned_end_it_is_the_schedules_own():
    with running() as run:
        run.schedule("lr", schedules.linear(0.1, 0.0, 70))
        assert Ahead().points(run, "lr")[0][-1] == 70
        run.schedule("lr", schedules.exponential(0.1, 0.5, 100))
        assert Ahead().points(run, "lr")[0][-1] == 2 * module.UNPLANNED


def test_a_torch_scheduler_is_run_ahead_once_scaled_too(asked):
    model = network()
    optimizer = sgd(model)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 40, 0.5)
    ahead = Ahead()
    with running(lambda _: optimizer, model=model, scheduler=scheduler, max_steps=120) as run:
        x, y = ahead.points(run, "lr")
        assert (y[0], y[-1], len(x)) == (0.1, 0.1 / 8, 121)
        for _ in range(30):
            run.step(1)
            ahead.points(run, "lr")
        assert asked == [121]
        run.set(lr=0.02)
        run.step(15)
        x, y = ahead.points(run, "lr")
        assert (x[0], y[0], y[-1]) == (45, pytest.approx(0.01), pytest.approx(0.1 / 8 / 5))


def test_a_torch_scheduler_is_shown_as_far_as_it_goes():
    model = network()
    optimizer = sgd(model)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=50)
    with running(lambda _: optimizer, model=model, scheduler=scheduler) as run:
        run.step(10)
        x, _ = Ahead().points(run, "lr")
        assert (x[0], x[-1]) == (10, 50)
        coming = run.preview("lr", 100)
        assert len(coming) == 41
        run.step(40)
        assert run.history.lr.tolist()[10:] == coming[:-1]
        assert Ahead().points(run, "lr")[0].tolist() == [50]


def test_a_scheduler_that_comes_otherwise_is_asked_again_but_rarely(asked):
    model = network()
    optimizer = sgd(model)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    ahead = Ahead()
    with running(lambda _: optimizer, model=model, scheduler=scheduler, max_steps=200) as run:
        ahead.points(run, "lr")
        optimizer.param_groups[0]["lr"] = 0.05  # by hand, as nobody foretold
        for _ in range(60):
            run.step(1)
            _, y = ahead.points(run, "lr")
        assert 2 <= len(asked) <= 8
        assert y[0] == pytest.approx(0.05 * 0.9**60)
