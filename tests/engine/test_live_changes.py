"""What a live change does, for every optimizer of torch.optim: as if it were rebuilt with its state, late, or no."""

import copy
import inspect

import pytest
import torch
from torch import optim
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.rig import batches, network, parameters, running, same, sgd

BEFORE, AFTER = 5, 3


def rebuilt(model, optimizer, new, buffers):
    """A copy of the model with a new optimizer of the new values and the old state."""
    twin, kind = copy.deepcopy(model), type(optimizer)
    known = inspect.signature(kind.__init__).parameters
    group = {key: value for key, value in optimizer.param_groups[0].items() if key in known and key != "params"}
    if "max_iter" in new:
        del group["max_eval"]
    fresh = kind(twin.parameters(), **{**group, **new})
    for mine, theirs in zip(optimizer.param_groups[0]["params"], fresh.param_groups[0]["params"], strict=True):
        if mine in optimizer.state:
            fresh.state[theirs] = copy.deepcopy(optimizer.state[mine])
            fresh.state[theirs] |= {name: torch.zeros_like(mine) for name in buffers}
    return twin, fresh


def train(model, optimizer, first, count):
    """The parameters after each of `count` steps."""
    data, after = batches(), []
    for step in range(first, first + count):
        inputs, targets = data[step % len(data)]

        def closure(inputs=inputs, targets=targets):
            optimizer.zero_grad()
            loss = cross_entropy(model(inputs), targets)
            loss.backward()
            return loss

        if isinstance(optimizer, optim.LBFGS):
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        after.append(parameters(model))
    return after


def changed_live(kind, options, new):
    """A run that was trained, changed and trained on; beside it, what a rebuilt and an unchanged one would do."""
    model = network(bias=kind is not optim.Muon)
    buffers = BUFFERS.get((kind, *new), ())
    with running(lambda its: kind(its.parameters(), **options), model=model) as run:
        run.step(BEFORE)
        optimizer = run._engine.live.optimizers["optimizer"]
        asked = {key: value for key, value in new.items() if value is not None}
        asked = {key: tuple(v for v in value if v is not None) if isinstance(value, tuple) else value
                 for key, value in asked.items()}  # fmt: skip
        expected = train(*rebuilt(model, optimizer, new, buffers), BEFORE, AFTER)
        unchanged = train(*rebuilt(model, optimizer, {}, ()), BEFORE, AFTER)
        change = run.set(asked)
        live = []
        for _ in range(AFTER):
            run.step()
            live.append(parameters(model))
    return live, expected, unchanged, change


BUFFERS = {
    (optim.Adam, "amsgrad"): ("max_exp_avg_sq",),
    (optim.AdamW, "amsgrad"): ("max_exp_avg_sq",),
    (optim.RMSprop, "momentum"): ("momentum_buffer",),
    (optim.RMSprop, "centered"): ("grad_avg",),
}
ADAM = {"lr": 0.01}
NEXT = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"lr": 0.05}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"momentum": 0.5}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"momentum": 0.0}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"weight_decay": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"nesterov": True}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"dampening": 0.5}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}, {"maximize": True}),
    (optim.Adam, ADAM, {"lr": 0.001}),
    (optim.Adam, ADAM, {"betas": (0.8, 0.99)}),
    (optim.Adam, ADAM, {"eps": 1e-2}),
    (optim.Adam, ADAM, {"weight_decay": 0.1}),
    (optim.Adam, ADAM, {"maximize": True}),
    (optim.Adam, {**ADAM, "weight_decay": 0.1}, {"decoupled_weight_decay": True}),
    (optim.AdamW, ADAM, {"lr": 0.001}),
    (optim.AdamW, ADAM, {"betas": (0.8, 0.99)}),
    (optim.AdamW, ADAM, {"weight_decay": 0.5}),
    (optim.NAdam, ADAM, {"lr": 0.001}),
    (optim.NAdam, ADAM, {"betas": (0.8, 0.99)}),
    (optim.NAdam, ADAM, {"momentum_decay": 0.1}),
    (optim.RAdam, ADAM, {"lr": 0.001}),
    (optim.RAdam, ADAM, {"betas": (0.8, 0.99)}),
    (optim.Adamax, ADAM, {"lr": 0.001}),
    (optim.Adamax, ADAM, {"betas": (0.8, 0.99)}),
    (optim.Adamax, ADAM, {"eps": 1e-2}),
    (optim.Adadelta, {"lr": 1.0}, {"lr": 0.1}),
    (optim.Adadelta, {"lr": 1.0}, {"rho": 0.5}),
    (optim.Adadelta, {"lr": 1.0}, {"eps": 1e-2}),
    (optim.Adagrad, ADAM, {"lr": 0.001}),
    (optim.Adagrad, ADAM, {"lr_decay": 0.1}),
    (optim.Adagrad, ADAM, {"eps": 1e-2}),
    (optim.RMSprop, ADAM, {"lr": 0.001}),
    (optim.RMSprop, ADAM, {"alpha": 0.5}),
    (optim.RMSprop, ADAM, {"centered": True}),
    (optim.RMSprop, {**ADAM, "momentum": 0.9}, {"momentum": 0.0}),
    (optim.RMSprop, {**ADAM, "centered": True}, {"centered": False}),
    (optim.ASGD, {"lr": 0.1}, {"lambd": 0.1}),
    (optim.ASGD, {"lr": 0.1}, {"weight_decay": 0.1}),
    (optim.Rprop, ADAM, {"etas": (0.3, 1.5)}),
    (optim.Rprop, ADAM, {"step_sizes": (1e-6, 1e-3)}),
    (optim.Adafactor, ADAM, {"lr": 0.001}),
    (optim.Adafactor, ADAM, {"beta2_decay": -0.5}),
    (optim.Adafactor, ADAM, {"eps": (None, 1.0)}),
    (optim.Adafactor, {**ADAM, "d": 4.0}, {"d": 1.0}),
    (optim.Muon, ADAM, {"lr": 0.001}),
    (optim.Muon, ADAM, {"momentum": 0.5}),
    (optim.Muon, ADAM, {"nesterov": False}),
    (optim.Muon, ADAM, {"ns_steps": 2}),
    (optim.Muon, ADAM, {"weight_decay": 0.5}),
    (optim.LBFGS, {"lr": 0.1, "max_iter": 4}, {"lr": 0.05}),
    (optim.LBFGS, {"lr": 0.1, "max_iter": 4}, {"tolerance_grad": 10.0}),
    (optim.LBFGS, {"lr": 0.1, "max_iter": 4}, {"max_iter": 8}),
]
LATE = [
    (optim.SGD, {"lr": 0.1}, {"momentum": 0.9}),
    (optim.RMSprop, ADAM, {"momentum": 0.9}),
    (optim.ASGD, {"lr": 0.1}, {"lr": 0.01}),
    (optim.ASGD, {"lr": 0.1, "lambd": 0.1}, {"alpha": 0.1}),
]
NO_MATTER_HERE = [
    (optim.Adam, ADAM, {"amsgrad": True}),
    (optim.AdamW, ADAM, {"amsgrad": True}),
    (optim.Adam, {**ADAM, "amsgrad": True}, {"amsgrad": False}),
    (optim.ASGD, {"lr": 0.1}, {"t0": 1000}),
    (optim.LBFGS, {"lr": 0.1, "max_iter": 4}, {"history_size": 50}),
]


def title(case):
    return case.__name__ if isinstance(case, type) else "-".join(case) if isinstance(case, dict) else None


@pytest.mark.parametrize(("kind", "options", "new"), NEXT, ids=title)
def test_used_by_the_next_step_as_if_the_optimizer_were_rebuilt(kind, options, new):
    live, expected, unchanged, change = changed_live(kind, options, new)
    assert [same(a, b) for a, b in zip(live, expected, strict=True)] == [True] * AFTER
    assert not same(live[0], unchanged[0])
    assert "late" not in str(change)
    assert change.used_from == BEFORE + 1


@pytest.mark.parametrize(("kind", "options", "new"), LATE, ids=title)
def test_late_by_one_step_and_said_so(kind, options, new):
    live, expected, unchanged, change = changed_live(kind, options, new)
    assert [same(a, b) for a, b in zip(live, expected, strict=True)] == [True] * AFTER
    for mine, theirs, later in zip(live[0], unchanged[0], live[-1], strict=True):  # RMSprop rounds otherwise
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-7)
        assert not torch.allclose(mine, later, rtol=0, atol=1e-5)
    assert not any(torch.allclose(a, b, atol=1e-5) for a, b in zip(live[-1], unchanged[-1], strict=True))
    assert any("late by one step" in notice for notice in change.notices)


@pytest.mark.parametrize(("kind", "options", "new"), NO_MATTER_HERE, ids=title)
def test_as_rebuilt_where_it_makes_no_difference_in_these_steps(kind, options, new):
    live, expected, _, _ = changed_live(kind, options, new)
    assert [same(a, b) for a, b in zip(live, expected, strict=True)] == [True] * AFTER


def test_amsgrad_switched_on_makes_its_buffer():
    with running(lambda model: optim.Adam(model.parameters())) as run:
        run.step(3)
        optimizer = run._engine.live.optimizers["optimizer"]
        assert all("max_exp_avg_sq" not in state for state in optimizer.state.values())
        run.set(amsgrad=True)
        run.step(2)
        assert all(state["max_exp_avg_sq"].any() for state in optimizer.state.values())


def test_max_eval_follows_max_iter_and_is_recorded():
    with running(lambda model: optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)) as run:
        change = run.set(max_iter=8)
        assert run.hyperparameters["max_eval"].value == 10
        assert change.notices == ("max_eval: follows max_iter",)
        assert list(run.changes.key) == ["max_iter", "max_eval"]
        assert run.set(max_iter=12, max_eval=40).notices == ()
        assert run.hyperparameters["max_eval"].value == 40


def test_momentum_that_was_on_before_goes_on_from_its_old_buffer():
    with running(lambda model: sgd(model, momentum=0.9)) as run:
        run.step(2)
        run.set(momentum=0.0)
        run.step(2)
        assert "goes on from the momentum of when it was last on" in str(run.set(momentum=0.9))


@pytest.mark.parametrize(
    ("kind", "options", "new", "words"),
    [
        (optim.Rprop, {"lr": 0.01}, {"lr": 0.1}, "lr would have no effect: Rprop uses lr for its first step only"),
        (
            optim.Adagrad,
            {},
            {"initial_accumulator_value": 0.1},
            "would have no effect: Adagrad uses it at construction",
        ),
        (optim.SGD, {"lr": 0.1}, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"dampening": 0.1}, "zero dampening"),
        (optim.SGD, {"lr": 0.1}, {"dampening": 0.5}, "dampening acts on the momentum, which is 0"),
        (optim.Adam, {}, {"decoupled_weight_decay": True}, "weight_decay is 0. Set weight_decay first"),
        (optim.Adam, {}, {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1"),
        (optim.Adam, {}, {"lr": -0.1}, "Invalid learning rate: -0.1"),
        (optim.Adam, {}, {"eps": -1.0}, "Invalid epsilon value"),
        (optim.Rprop, {}, {"etas": (1.5, 1.2)}, "Invalid eta values"),
        (optim.Adafactor, {}, {"beta2_decay": 0.5}, "beta2_decay should be <= 0"),
        (optim.LBFGS, {}, {"lr": -1.0}, "Invalid learning rate|lr cannot be negative"),
    ],
    ids=title,
)
def test_refused_with_the_words_and_nothing_changed(kind, options, new, words):
    with running(lambda model: kind(model.parameters(), **options)) as run:
        run.step(2)
        before = {key: its.value for key, its in run.hyperparameters.items()}
        with pytest.raises(rt.HyperparameterError, match=words):
            run.set(new)
        assert {key: its.value for key, its in run.hyperparameters.items()} == before
        assert len(run.changes) == 0
        run.step()


def test_nesterov_and_momentum_together_are_fine_and_momentum_may_rest():
    with running() as run:
        run.set(nesterov=True, momentum=0.9)
        run.step(2)
        assert "nesterov has no effect while momentum is 0" in str(run.set(momentum=0.0))
        run.step()


def test_a_tensor_lr_is_filled_in_place():
    lr = torch.tensor(0.1)
    with running(lambda model: optim.Adam(model.parameters(), lr=lr, foreach=False)) as run:
        run.step(2)
        run.set(lr=0.01)
        assert run._engine.live.optimizers["optimizer"].param_groups[0]["lr"] is lr
        assert lr.item() == pytest.approx(0.01)
        assert run.set(lr=0.01).values == ()  # what the float32 tensor holds is what was asked for
        run.step(2)
        assert run.history.lr.iloc[-1] == lr.item()


def test_switches_between_kernels_are_not_offered():
    with running(lambda model: optim.Adam(model.parameters(), foreach=False)) as run:
        assert not {"foreach", "fused", "capturable", "differentiable"} & set(run.hyperparameters)
        with pytest.raises(rt.UnknownHyperparameterError, match="There is no hyperparameter 'fused'"):
            run.set(fused=True)
