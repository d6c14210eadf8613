"""The branches of a run: begun, named, undone, deleted."""

import pytest
import torch

import retune_widget as rt
from tests.rig import names, running, sgd


def test_a_branch_is_named_after_its_first_change_until_it_is_renamed():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.step(3)
        run.restore(node)
        run.set(lr=1e-4)
        assert names(run) == ["main", "lr=1e-4 @3"]
        run.step(2)
        run.set(lr=1e-3)
        assert names(run)[1] == "lr=1e-4 @3"
        run.restore(node)
        run.step(1)
        assert names(run)[2] == "main @3"
        run.set(lr=0.5, momentum=0.9)
        assert names(run)[2] == "lr=0.5, … @4"
        run.restore(node)
        run.step(1)
        run.rename("main @3", "mine")
        run.set(lr=0.3)
        assert names(run)[3] == "mine"
        assert run.head.branch == "mine"


def test_the_same_name_gets_a_number():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.step(1)
        for _ in range(3):
            run.restore(node)
            run.set(lr=1e-4)
            run.step(1)
        assert names(run) == ["main", "lr=1e-4 @3", "lr=1e-4 @3 (2)", "lr=1e-4 @3 (3)"]


def test_branch_restores_changes_and_waits():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.step(3)
        branch = run.branch(node, lr=1e-4)
        assert (branch.name, run.status, run.head.step, run.head.branch) == ("lr=1e-4 @3", "paused", 3, "lr=1e-4 @3")
        named = run.branch("n1", {"lr": 0.5}, name="high")
        assert named.name == "high"
        assert named.fork is node
        plain = run.branch(node)
        assert plain.name == "main @3"
        run.step(2)
        assert run.head.branch == "main @3"


def test_a_branch_that_is_refused_moves_nothing():
    with running(lambda model: sgd(model, momentum=0.9)) as run:
        node = run.tree.root
        run.step(3)
        run.set(momentum=0.0)
        before = run.digest()
        for bad in ({"lr": -1}, {"lrr": 1}, {"lr": float("nan")}):
            with pytest.raises(rt.RetuneError):
                run.branch(node, bad)
        with pytest.raises(ValueError, match="Another branch is already called 'main'"):
            run.branch(node, name="main")
        with pytest.raises(ValueError, match="A branch needs a name"):
            run.branch(node, name="  ")
        assert (run.digest(), names(run)) == (before, ["main"])
        run.branch(node, nesterov=True)  # allowed there, where momentum is on
        assert run.hyperparameters["nesterov"].value is True


def noisy():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))


def test_siblings_share_their_noise_unless_reseeded():
    with running(model=noisy()) as run:
        run.step(3)
        node = run.checkpoint()
        digests = {}
        for name, reseed in [("one", False), ("two", False), ("other", True)]:
            run.branch(node, name=name, reseed=reseed)
            run.step(4)
            digests[name] = run.history[run.history.branch == name]["train/loss"].tolist()
        assert digests["one"] == digests["two"] != digests["other"]
        assert run.tree.branches[-1].named_by_hand
        assert [node.note for node in run.tree.nodes] == ["", "", "reseeded"]


def test_undo_takes_back_the_last_change_as_a_branch_without_it():
    with running() as run:
        run.step(3)
        run.set(lr=0.01)
        run.step(2)
        branch = run.undo()
        assert (branch.name, run.head.step, run.status) == ("without lr=0.01 @3", 3, "paused")
        assert run.hyperparameters["lr"].value == 0.1
        run.step(1)
        assert run.head.branch == "without lr=0.01 @3"


def test_undo_twice_takes_back_two_changes():
    with running() as run:
        run.step(2)
        run.set(lr=0.01)
        run.step(2)
        run.set(momentum=0.9)
        run.step(2)
        run.undo()
        assert (run.head.step, run.hyperparameters["lr"].value, run.hyperparameters["momentum"].value) == (4, 0.01, 0)
        run.undo()
        assert (run.head.step, run.hyperparameters["lr"].value) == (2, 0.1)
        with pytest.raises(rt.StatusError, match="There is nothing to undo: no change was made on the way to here"):
            run.undo()


def test_undo_right_after_a_change_and_before_any_step():
    with running() as run:
        run.set(lr=0.01)
        run.undo()
        assert (run.head.step, run.hyperparameters["lr"].value) == (0, 0.1)
        run.step(2)
        assert run.head.branch == "without lr=0.01 @0"


def test_undo_after_a_branch_takes_back_the_branchs_change_and_then_the_trunks():
    with running() as run:
        run.step(2)
        run.set(lr=0.01)
        run.step(2)
        node = run.checkpoint()
        run.step(2)
        run.branch(node, momentum=0.9, name="with momentum")
        run.step(2)
        run.undo()
        assert (run.head.step, run.hyperparameters["momentum"].value, run.hyperparameters["lr"].value) == (4, 0, 0.01)
        run.undo()  # by way of the fork
        assert (run.head.step, run.hyperparameters["lr"].value) == (2, 0.1)


def test_nothing_to_undo():
    with running() as run:
        run.step(2)
        with pytest.raises(rt.StatusError, match="There is nothing to undo"):
            run.undo()
        node = run.set(lr=0.01).node
        run.step(1)
        run.restore(node)  # before the change
        with pytest.raises(rt.StatusError, match="There is nothing to undo"):
            run.undo()
        assert run.status == "paused"


def test_deleting_a_branch_takes_everything_that_grew_from_it():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.branch(node, lr=0.01, name="a")
        run.step(2)
        inner = run.checkpoint()
        run.branch(inner, lr=0.02, name="b")
        run.step(2)
        with pytest.raises(rt.StatusError, match="The run stands on 'a': restore a node of another branch first"):
            run.delete_branch("a")
        with pytest.raises(rt.StatusError, match="'main' is the first branch: everything grew from it"):
            run.delete_branch("main")
        run.restore(node)
        run.delete_branch("a")
        assert names(run) == ["main"]
        assert set(run.history.branch) == {"main"}
        assert len(run.changes) == 0
        with pytest.raises(rt.UnknownNodeError, match="its branch was deleted"):
            run.restore(inner)
        run.step(1)
        assert run.flush(30)
        assert run.problems == []
