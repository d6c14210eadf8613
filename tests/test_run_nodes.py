"""The nodes of a run as a person makes them: changes, checkpoints, restores."""

import threading

import pytest
import torch

from tests.rig import PATIENCE, names, network, parameters, running, same, shape


def test_a_change_at_the_tip_adds_a_node_on_that_branch():
    with running() as run:
        run.step(3)
        change = run.set(lr=0.01)
        run.step(2)
        assert shape(run) == [(0, "main", "start", None), (3, "main", "change", "n0")]
        assert change.node.label == "lr 0.1→0.01"
        assert change.node.values["lr"] == 0.1  # the node holds the state from before
        assert (run.head.branch, run.head.step, run.head.node_id) == ("main", 5, "n1")


def test_restoring_a_change_takes_it_back():
    with running() as run:
        run.step(3)
        node = run.set(lr=0.01).node
        run.step(2)
        run.restore(node)
        assert run.hyperparameters["lr"].value == 0.1
        assert (run.status, run.head.step) == ("paused", 3)


def test_training_on_from_an_inner_node_begins_a_branch_and_nothing_is_lost():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.step(3)
        run.restore(node)
        assert names(run) == ["main"]
        run.step(2)
        assert names(run) == ["main", "main @3"]
        assert run.tree.branches[1].fork is node
        assert run.history.groupby("branch", observed=True).size().to_dict() == {"main": 6, "main @3": 2}


def test_restoring_the_tip_continues_the_branch():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.restore(node)
        run.step(2)
        assert names(run) == ["main"]
        assert run.history.step.tolist() == [1, 2, 3, 4, 5]


def test_several_changes_at_one_boundary_are_one_node():
    with running() as run:
        run.step(3)
        first = run.set(lr=0.01)
        second = run.set(lr=0.02, momentum=0.9)
        assert first.node is second.node
        assert first.node.label == "lr 0.1→0.02, momentum 0→0.9"
        run.set(lr=0.1)
        assert first.node.label == "momentum 0→0.9"
        assert len(run.tree.nodes) == 2
        assert run.changes.key.tolist() == ["lr", "lr", "momentum", "lr"]
        run.restore(first.node)
        assert (run.hyperparameters["lr"].value, run.hyperparameters["momentum"].value) == (0.1, 0)


def test_a_checkpoint_twice_at_the_same_place_is_the_same_node():
    with running() as run:
        run.step(3)
        node = run.checkpoint("a")
        torch.randn(3)  # a draw of the person's changes nothing: every step is seeded anew
        assert run.checkpoint("b") is node
        assert run.checkpoint() is node
        assert node.note == "b"
        run.step(1)
        assert run.checkpoint() is not node


def test_a_node_that_shares_a_saved_checkpoint_is_saved_once_its_own_record_is(monkeypatch):
    with running() as run:
        run.step(3)
        run.checkpoint()
        run.flush()
        go, save = threading.Event(), run._store.save_node
        monkeypatch.setattr(run._store, "save_node", lambda its: (go.wait(PATIENCE), save(its)))
        node = run.set(lr=0.5).node
        assert (node.checkpoint.saved, node.saved) == (True, False)
        go.set()
        run.flush()
        assert node.saved


def test_weights_written_by_hand_while_it_is_paused_are_kept():
    model = network()
    with running(model=model) as run:
        run.step(3)
        node = run.checkpoint()
        with torch.no_grad():
            model[0].weight.zero_()
        other = run.checkpoint()
        assert other is not node
        run.step(1)
        run.restore(other)
        assert not model[0].weight.any()
        with torch.no_grad():
            model[0].weight.fill_(1)
        change = run.set(lr=0.01)
        run.step(1)
        run.restore(change.node)
        assert (model[0].weight == 1).all()
        run.restore(node)
        assert not (model[0].weight == 1).all()


@pytest.mark.parametrize("how", ["step", "batches", "set"])
def test_weights_loaded_before_the_start_are_in_the_root(how):
    model = network()
    with running(model=model) as run:
        model.load_state_dict({name: tensor + 1 for name, tensor in model.state_dict().items()})
        loaded = parameters(model)
        if how == "step":
            run.step(2)
        elif how == "set":
            run.set(lr=0.5)
        else:
            for _ in run.batches():
                break
            run.step(1)
        assert len(run.tree.nodes) == (2 if how == "set" else 1)
        run.restore(run.tree.root)
        assert same(parameters(model), loaded)


def test_the_root_is_never_replaced_once_there_is_something():
    model = network()
    with running(model=model) as run:
        first = parameters(model)
        run.step(2)
        run.restore(run.tree.root)
        with torch.no_grad():
            model[0].weight.zero_()
        run.step(1)
        run.restore(run.tree.root)
        assert same(parameters(model), first)
