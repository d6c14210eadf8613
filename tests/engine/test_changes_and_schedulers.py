"""A live change where a torch LR scheduler drives the same field; and what the history says of both."""

import pytest
from torch import optim

import retune_widget as rt
from tests.rig import network, running, sgd

LR = optim.lr_scheduler


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LR.LambdaLR(o, lambda t: 0.9**t),
        lambda o: LR.CosineAnnealingWarmRestarts(o, 20),
        lambda o: LR.OneCycleLR(o, 0.5, total_steps=30),
        lambda o: LR.CyclicLR(o, 0.01, 0.1),
        lambda o: optim.swa_utils.SWALR(o, 0.05),
        lambda o: LR.ChainedScheduler([LR.ExponentialLR(o, 0.9), LR.LambdaLR(o, lambda t: 0.9)]),
    ],
)
def test_a_value_that_the_scheduler_would_overwrite_is_refused(make):
    model = network()
    optimizer = sgd(model, momentum=0.9)
    with running(lambda _: optimizer, model=model, scheduler=make(optimizer)) as run:
        run.step(2)
        with pytest.raises(rt.HyperparameterError, match=r"lr is set by .* at every step"):
            run.set(lr=7.0)
        run.set(weight_decay=0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: LR.MultiplicativeLR(o, lambda t: 0.9),
        lambda o: LR.StepLR(o, 3),
        lambda o: LR.ExponentialLR(o, 0.9),
        lambda o: LR.CosineAnnealingLR(o, 20),
        lambda o: LR.LinearLR(o, 0.5, 1, 20),
        lambda o: LR.PolynomialLR(o, 20),
        lambda o: LR.SequentialLR(o, [LR.LinearLR(o), LR.CosineAnnealingLR(o, 20)], [10]),
    ],
)
def test_a_value_that_the_scheduler_goes_on_from_is_used_and_said_so(make):
    model = network()
    optimizer = sgd(model)
    with running(lambda _: optimizer, model=model, scheduler=make(optimizer)) as run:
        run.step(5)
        assert "goes on from this value" in str(run.set(lr=7.0))
        run.step(2)
        used = run.history.lr.tolist()
        assert used[5] == 7.0
        assert 0.5 < used[6] < 8  # not the 0.1 that it began with


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
