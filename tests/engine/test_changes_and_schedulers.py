"""A live change where a torch LR scheduler drives the same field: against a plain loop that multiplies by hand.

The scheduler's own course is the same in all of them; what the optimizer uses is scaled, held, or given back.
"""

from functools import partial

import pytest
import torch
from torch import optim
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.engine.matrix.schedulers import CYCLING, SCHEDULERS
from tests.rig import batches, network, parameters, running, same, sgd

LR = optim.lr_scheduler
BEGIN, RELEASE, END = 3, 6, 11
"""Steps at which a value is set, is given back, and at which all are compared."""
MODES = ("scale", "hold", "release")

with_momentum = partial(sgd, momentum=0.9)


def adamw(model):
    return optim.AdamW(model.parameters(), lr=torch.tensor(0.01))


CASES = {
    **{f"{name} over SGD": (with_momentum, make, "lr", ("lr", None)) for name, make in SCHEDULERS.items()},
    **{f"{name} over a tensor": (adamw, make, "lr", ("lr", None)) for name, make in SCHEDULERS.items()},
    **{f"lr of {name}": (with_momentum, make, "lr", ("lr", None)) for name, make in CYCLING.items()},
    **{f"momentum of {name}": (with_momentum, make, "momentum", ("momentum", None)) for name, make in CYCLING.items()},
    **{
        f"betas of {name}": (lambda model: optim.AdamW(model.parameters()), make, "betas[0]", ("betas", 0))
        for name, make in CYCLING.items()
    },
}


class Group:
    """One value of the first param group."""

    def __init__(self, optimizer, field, element):
        self._group, self._field, self._element = optimizer.param_groups[0], field, element

    def read(self):
        value = self._group[self._field]
        value = value if self._element is None else value[self._element]
        return value.item() if isinstance(value, torch.Tensor) else value

    def write(self, value):
        old = self._group[self._field]
        if isinstance(old, torch.Tensor):
            old.fill_(value)
        elif self._element is None:
            self._group[self._field] = value
        else:
            self._group[self._field] = (value, *old[1:])


def by_hand(name, mode):
    """Train without us: what the optimizer used in each step, and the parameters at the end."""
    optimizer_of, make, _, place = CASES[name]
    model = network()
    optimizer = optimizer_of(model)
    scheduler, value, used, held = make(optimizer), Group(optimizer, *place), [], None
    for step in range(END):
        inputs, targets = batches()[step % 4]
        own = value.read()
        if step == BEGIN:
            held = own / 2
        if held is not None and not (mode == "release" and step >= RELEASE):
            value.write(held if mode == "hold" else own * 0.5)
        used.append(value.read())
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
        value.write(own)
        scheduler.step()
    return used, parameters(model)


def begin(name, **options):
    optimizer_of, make, key, _ = CASES[name]
    model = network()
    optimizer = optimizer_of(model)
    return key, model, running(lambda _: optimizer, model=model, scheduler=make(optimizer), **options)


def steer(run, key, mode):
    """The same through the run, up to the step after the last change."""
    run.step(BEGIN)
    half = run.hyperparameters[key].value / 2
    if mode == "hold":
        run.hold(key, half)
    else:
        assert run.set({key: half}).values[0].new == half
        assert run.governed[key].scale == 0.5
    assert run.governed[key].value == run.hyperparameters[key].value == half
    run.step(RELEASE - BEGIN)
    if mode == "release":
        run.release(key)
        assert run.governed[key].scale == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_as_by_hand_also_after_a_restore_and_in_fresh_objects(name, mode, tmp_path):
    used, expected = by_hand(name, mode)
    key, model, begun = begin(name, path=tmp_path / "run")
    with begun as run:
        steer(run, key, mode)
        run.step(1)
        node = run.checkpoint()
        coming = run.preview(key, END - run.head.step)
        run.step(END - node.step)
        assert run.history[key].tolist() == used
        assert coming == used[node.step :]
        assert same(parameters(model), expected)
        run.set({key: 0.3})
        run.step(2)
        run.restore(node)
        run.step(END - node.step)
        assert same(parameters(model), expected)
        assert run.lineage_history(run.head.branch)[key].tolist() == used
        run.restore(node)
    key, model, begun = begin(name, path=tmp_path / "run", resume=True)
    with begun as run:
        assert run.head.step == node.step
        run.step(END - node.step)
        assert same(parameters(model), expected)
        assert run.governed[key].scale == (0.5 if mode == "scale" else 1)
        assert all(run.verify(its) for its in run.tree.nodes[1:])


def test_the_schedulers_own_course_is_not_touched():
    for name in ("OneCycleLR and momentum", "CyclicLR and momentum"):
        model = network()
        optimizer = with_momentum(model)
        scheduler = CYCLING[name](optimizer)
        plain = CYCLING[name](with_momentum(network()))
        with running(lambda _, its=optimizer: its, model=model, scheduler=scheduler) as run:
            for _ in range(4):
                run.step(2)
                run.set(lr=0.7, momentum=0.2)
                for _ in range(2):
                    plain.optimizer.step()
                    plain.step()
                assert scheduler.get_last_lr() == plain.get_last_lr()
                assert optimizer.param_groups[0]["momentum"] == plain.optimizer.param_groups[0]["momentum"]
                assert run.governed["lr"].own == plain.get_last_lr()[0]


def plateau(model, optimizer, scheduler, seen):
    """A step of one's own that a metric drives the scheduler in."""

    def step(batch):
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        scheduler.step(1.0)
        seen.append(optimizer.param_groups[0]["lr"])
        return loss

    return step


@pytest.mark.parametrize("mode", MODES)
def test_a_scheduler_that_follows_a_metric(mode):
    model, seen = network(), []
    optimizer = sgd(model)
    scheduler = LR.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    step = plateau(model, optimizer, scheduler, seen)
    with running(lambda _: optimizer, model=model, step=step, scheduler=scheduler) as run:
        run.step(BEGIN)
        node = run.checkpoint()
        for _ in range(2):
            if mode == "hold":
                run.hold("lr", 0.4)
            else:
                run.set(lr=run.hyperparameters["lr"].value * 2)
            run.step(3)
            if mode == "release":
                run.release("lr")
            run.step(4)
            used = run.lineage_history(run.head.branch).lr.tolist()
            own = [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125, 0.00625]
            factor = {"scale": [2] * 7, "release": [2] * 3 + [1] * 4, "hold": [0] * 7}[mode]
            held = 0.4 if mode == "hold" else 0
            assert used == own[:3] + [value * by + held for value, by in zip(own[3:], factor, strict=True)]
            assert seen[:2] == [0.1, 0.1]
            run.restore(node)


def test_a_class_of_ones_own_is_driven_too():
    class Odd(LR.LRScheduler):
        def get_lr(self):
            return [0.1 / (1 + self.last_epoch)]

    model = network()
    optimizer = sgd(model)
    with running(lambda _: optimizer, model=model, scheduler=Odd(optimizer)) as run:
        run.step(1)
        run.set(lr=0.1)
        run.step(2)
        assert run.governed["lr"].by == "Odd"
        assert run.history.lr.tolist() == [0.1, 0.1, 0.1 / 3 * 2]


def test_zero_is_held_as_no_factor_gives_it_back():
    model = network()
    optimizer = sgd(model)
    with running(lambda _: optimizer, model=model, scheduler=LR.LambdaLR(optimizer, lambda t: t % 3 / 3)) as run:
        assert "no factor on it gives this value" in str(run.set(lr=0.5))  # its own is 0 now
        run.step(2)
        run.release("lr")
        run.step(2)
        assert "held against LambdaLR" in str(run.set(lr=0.0))
        run.step(2)
        assert run.history.lr.tolist() == pytest.approx([0.5, 0.5, 0.2 / 3, 0, 0, 0])
        assert run.governed["lr"].mode == "hold"


def test_a_step_that_fails_leaves_the_schedulers_own_value():
    model, fail = network(), []

    class Failing(optim.SGD):
        def step(self, closure=None):
            if fail:
                raise OSError("no step")
            return super().step(closure)

    optimizer = Failing(model.parameters(), lr=0.1)
    with running(lambda _: optimizer, model=model, scheduler=LR.ExponentialLR(optimizer, 0.5)) as run:
        run.set(lr=0.4)
        run.step(1)
        fail.append(1)
        with pytest.raises(OSError, match="no step"):
            run.step(1)
        run.checkpoint()
        assert optimizer.param_groups[0]["lr"] == 0.05
        assert run.hyperparameters["lr"].value == run.governed["lr"].value == 0.2
        del fail[:]
        run.step(2)
        assert run.history.lr.tolist() == pytest.approx([0.4, 0.2, 0.1])


def test_what_nothing_governs_is_neither_held_nor_released():
    with running() as run:
        for ask in (run.hold, run.release):
            with pytest.raises(rt.HyperparameterError, match=r"Nothing governs lr: run\.set changes it"):
                ask("lr")
            with pytest.raises(rt.UnknownHyperparameterError, match="Did you mean lr"):
                ask("lrr")
        assert run.governed == {}
        assert len(run.tree.nodes) == 1


def test_a_closed_run_lets_go_of_the_optimizer():
    model, used = network(), []
    optimizer = sgd(model)
    with running(lambda _: optimizer, model=model, scheduler=LR.ExponentialLR(optimizer, 0.5)) as run:
        run.set(lr=0.4)
        optimizer.register_step_pre_hook(lambda its, *_: used.append(its.param_groups[0]["lr"]))
        run.step(1)
    optimizer.step()
    assert used == [0.4, 0.05]


def test_the_history_has_the_value_that_each_step_used_under_a_scheduler():
    model, used = network(), []
    optimizer = sgd(model)
    optimizer.register_step_pre_hook(lambda its, *_: used.append(its.param_groups[0]["lr"]))
    with running(lambda _: optimizer, model=model, scheduler=LR.ExponentialLR(optimizer, 0.9)) as run:
        run.step(6)
        assert run.history.lr.tolist() == used
        assert len(set(used)) == 6


def test_the_history_has_the_value_that_the_users_own_step_wrote():
    model = network()
    optimizer = sgd(model)

    def step(_batch):
        optimizer.param_groups[0]["lr"] *= 0.5
        optimizer.step()

    with running(lambda _: optimizer, model=model, step=step) as run:
        run.step(3)
        assert run.history.lr.tolist() == [0.05, 0.025, 0.0125]
