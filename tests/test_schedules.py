"""Schedules of ours on a run: in force from the next step, recorded, taken back, branched, compared."""

from contextlib import contextmanager

import pytest
import torch
from torch import optim

import retune_widget as rt
from retune_widget import schedules
from tests.rig import names, network, running, sgd


def test_in_force_from_the_next_step_which_is_its_step_0():
    cosine = schedules.cosine(0.1, 0.01, 5)
    with running() as run:
        run.step(2)
        change = run.schedule("lr", cosine, note="cool down")
        assert (change.used_from, change.note, change.node.step) == (3, "cool down", 2)
        assert "lr: cosine(0.1 → 0.01, 5)" in str(change)
        assert run.preview("lr", 7) == [cosine(t) for t in range(7)]
        run.step(7)
        assert run.history.lr.tolist() == [0.1, 0.1, *(cosine(t) for t in range(7))]
        assert run.hyperparameters["lr"].value == 0.01


def test_from_the_start():
    with running(schedules={"lr": schedules.linear(0.2, 0.1, 4)}) as run:
        assert run.tree.root.values["lr"] == 0.2
        assert len(run.tree.nodes) == 1
        run.step(5)
        assert run.history.lr.tolist() == pytest.approx([0.2, 0.175, 0.15, 0.125, 0.1])
        run.restore(run.tree.root)
        run.step(2)
        assert run.lineage_history(run.head.branch).lr.tolist() == pytest.approx([0.2, 0.175])


def test_a_value_under_a_schedule_scales_it_until_it_is_released():
    fall = schedules.exponential(0.1, 0.5, 1)
    with running() as run:
        run.schedule("lr", fall)
        run.step(1)
        change = run.set(lr=0.2)
        assert "×4 of exponential" in str(change)
        governed = run.governed["lr"]
        assert (governed.mode, governed.scale, governed.own, governed.value) == ("scale", 4, 0.05, 0.2)
        assert str(governed) == "×4 of exponential(start 0.1, rate 0.5, steps 1, staircase off)"
        run.step(2)
        run.release("lr")
        run.step(1)
        assert run.history.lr.tolist() == [0.1, 0.2, 0.1, 0.0125]


def test_held_at_the_value_in_force_or_at_another_and_moved_while_it_is_held():
    with running() as run:
        run.schedule("lr", schedules.exponential(0.1, 0.5, 1))
        run.step(1)
        run.hold("lr")
        run.step(2)
        run.hold("lr", 0.7)
        run.step(1)
        run.set(lr=0.3)
        assert (run.governed["lr"].mode, run.governed["lr"].value) == ("hold", 0.3)
        run.step(1)
        run.release("lr", note="on with it")
        run.step(1)
        assert run.history.lr.tolist() == [0.1, 0.05, 0.05, 0.7, 0.3, 0.1 / 32]


def test_the_value_that_is_recorded_is_the_value_in_force():
    with running() as run:
        run.schedule("lr", schedules.cosine(0.1, 0.003, 100))
        for step in range(20):
            asked = 0.017 * (step + 1)
            run.set(lr=asked)
            assert run.hyperparameters["lr"].value == pytest.approx(asked, rel=1e-15)
            run.step(1)
            assert run.history.lr.iloc[-1] == run.tree.nodes[-1].changes[-1].new


def test_taken_away_the_value_stays():
    with running() as run:
        run.schedule("lr", schedules.exponential(0.1, 0.5, 1))
        run.step(3)
        run.schedule("lr", None)
        run.step(2)
        assert run.history.lr.tolist() == [0.1, 0.05, 0.025, 0.0125, 0.0125]
        assert run.governed == {}
        run.set(lr=0.3)
        assert run.hyperparameters["lr"].value == 0.3
        with pytest.raises(rt.HyperparameterError, match="lr has no schedule to be taken away"):
            run.schedule("lr", None)


def test_swapping_is_a_change_and_begins_at_step_0_unscaled():
    with running() as run:
        run.schedule("lr", schedules.constant(0.1))
        run.step(1)
        run.set(lr=0.2)
        run.step(1)
        run.schedule("lr", schedules.linear(1.0, 0.5, 2))
        run.step(2)
        assert run.history.lr.tolist() == [0.1, 0.2, 1.0, 0.75]
        assert [node.cause for node in run.tree.nodes] == ["start", "change", "change", "change"]
        assert run.changes.governed.tolist() == ["constant(value 0.1)", "×2 of constant", "linear(1 → 0.5, 2)"]


@contextmanager
def taken_over(make):
    """Four steps under a torch scheduler: one by itself, two of a schedule of ours, one with a value of one's own."""
    model = network()
    optimizer = sgd(model)
    with running(lambda _: optimizer, model=model, scheduler=make(optimizer)) as run:
        run.step(1)
        run.schedule("lr", schedules.linear(1.0, 0.5, 2))
        run.step(2)
        run.set(lr=0.25)
        run.step(1)
        yield run


def test_over_a_torch_scheduler_which_has_it_back_afterwards():
    with taken_over(lambda optimizer: optim.lr_scheduler.ExponentialLR(optimizer, 0.5)) as run:
        run.schedule("lr", None)
        assert run.changes.governed.iloc[-1] == "back to ExponentialLR"
        run.step(1)
        assert run.history.lr.tolist() == [0.1, 1.0, 0.75, 0.25, 0.1 / 16]


def test_over_a_torch_scheduler_that_stands_still_each_value_is_recorded():
    with taken_over(lambda optimizer: optim.lr_scheduler.StepLR(optimizer, 100)) as run:
        assert run.history.lr.tolist() == [0.1, 1.0, 0.75, 0.25]


def test_undo_and_branches():
    with running() as run:
        run.step(1)
        run.schedule("lr", schedules.linear(0.4, 0.2, 2))
        run.step(2)
        run.set(lr=0.4)
        run.step(1)
        run.undo()
        assert (run.head.step, run.governed["lr"].scale, run.hyperparameters["lr"].value) == (3, 1, 0.2)
        run.undo()
        assert (run.head.step, run.governed, run.hyperparameters["lr"].value) == (1, {}, 0.1)
        run.branch("n1", name="warm")
        run.schedule("lr", schedules.constant(0.3))
        run.step(3)
        run.branch("n2", lr=0.1)
        assert run.governed["lr"].scale == 0.5
        run.restore("n1")
        run.schedule("lr", schedules.linear(0.4, 0.2, 2))
        run.step(3)
        assert names(run)[-1] == "lr ~ linear @1"
        assert run.undo().name == "without lr ~ linear @1 (2)"  # the second one that was taken back
        table = run.compare(["main", "warm"])
        assert table.loc["lr"].tolist() == [0.4, 0.3]


def test_what_cancels_out_at_one_boundary_leaves_no_change():
    with running() as run:
        run.step(1)
        run.schedule("lr", schedules.constant(0.1))
        run.set(lr=0.3)
        run.release("lr")
        run.schedule("lr", None)
        node = run.tree.nodes[-1]
        assert (node.changes, run.governed) == ((), {})
        run.schedule("lr", schedules.constant(0.5))
        run.schedule("lr", None)
        assert [(its.old, its.new, its.governing) for its in node.changes] == [(0.1, 0.5, None)]
        run.step(2)
        run.checkpoint()
        assert all(run.verify(its) for its in run.tree.nodes[1:])


def test_a_whole_number_of_ones_own_is_rounded():
    size, seen = [4], []
    with running() as run:
        run.register("size", lambda: size[0], lambda its: (seen.append(its), size.__setitem__(0, its)), low=1, high=64)
        run.schedule("size", schedules.linear(4, 8, 8))
        run.step(9)
        assert run.history["size"].tolist() == [4, 4, 5, 6, 6, 6, 7, 8, 8]
        assert all(type(its) is int for its in seen)
        run.set(size=16)
        run.step(1)
        assert run.governed["size"].scale == 2
        assert size == [16]
        assert all(run.verify(node) for node in run.tree.nodes[1:])


def test_momentum_that_is_switched_on_by_a_schedule_has_its_buffer():
    with running(lambda model: optim.RMSprop(model.parameters(), lr=0.01)) as run:
        run.schedule("momentum", schedules.linear(0.0, 0.9, 5))
        run.step(7)
        assert run.history.momentum.tolist() == pytest.approx([0.0, 0.18, 0.36, 0.54, 0.72, 0.9, 0.9])
        assert all(run.verify(node) for node in run.tree.nodes[1:])


def test_every_group_and_elements_of_tuples():
    def grouped(model):
        return optim.Adam([{"params": [parameter], "lr": 0.1} for parameter in model.parameters()])

    with running(grouped) as run:
        with pytest.raises(rt.UnknownHyperparameterError, match="several param groups"):
            run.schedule("lr", schedules.constant(0.2))
        run.schedule("lr", schedules.constant(0.2), group="*")
        run.schedule("group1.betas[0]", schedules.linear(0.9, 0.5, 4))
        assert len(run.governed) == 5
        run.hold("lr", 0.3, group="group0")
        run.release("lr", group="*")
        run.step(2)
        assert run.history["group1.betas[0]"].tolist() == [0.9, 0.8]
        assert [node.step for node in run.tree.nodes] == [0, 0]


def test_a_factor_that_no_float_holds_is_held_instead():
    with running() as run:
        run.schedule("lr", schedules.constant(1e-310))
        assert "no factor on it gives this value" in str(run.set(lr=0.5))
        run.step(1)
        assert (run.governed["lr"].mode, run.history.lr.tolist()) == ("hold", [0.5])


def test_a_tensor_is_filled_in_place():
    model = network()
    optimizer = optim.AdamW(model.parameters(), lr=torch.tensor(0.01))
    tensor = optimizer.param_groups[0]["lr"]
    with running(lambda _: optimizer, model=model) as run:
        run.schedule("lr", schedules.linear(0.1, 0.2, 4))
        run.step(3)
        assert optimizer.param_groups[0]["lr"] is tensor
        assert run.history.lr.tolist() == [torch.tensor(its).item() for its in (0.1, 0.125, 0.15)]
        assert all(run.verify(node) for node in run.tree.nodes[1:])


def test_nothing_is_captured_or_written_where_nothing_is_governed():
    with running() as run:
        run.step(1)
        assert "governed" not in run._engine.capture().values
        assert not run._engine.governors.active
        run.schedule("lr", schedules.constant(0.1))
        assert run._engine.governors.active
        assert list(run._engine.capture().values["governed"]) == ["lr"]
