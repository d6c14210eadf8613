"""The tree of a run as a person makes it: changes, restores, branches, undo."""

import pytest
import torch

import retune_widget as rt
from tests.rig import batches, network, parameters, running, same, sgd


def shape(run):
    """Each node as (step, branch, cause, parent)."""
    return [
        (node.step, node.branch.name, node.cause, node.parent.id if node.parent else None) for node in run.tree.nodes
    ]


def names(run):
    return [branch.name for branch in run.tree.branches]


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


def test_a_lineage_never_has_points_of_abandoned_tails():
    with running() as run:
        run.step(3)
        node = run.checkpoint()
        run.step(5)
        run.branch(node, lr=0.01, name="a")
        run.step(2)
        inner = run.checkpoint()
        run.step(4)
        run.branch(inner, lr=0.02, name="b")
        run.step(2)
        way = run.lineage_history("b")
        assert way.step.tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert way.branch.tolist() == ["main"] * 3 + ["a"] * 2 + ["b"] * 2
        assert way.lr.tolist() == [0.1] * 3 + [0.01] * 2 + [0.02] * 2
        assert run.lineage_history(inner).step.tolist() == [1, 2, 3, 4, 5]
        assert run.lineage_history(node.id).step.tolist() == [1, 2, 3]
        assert [node.step for node in run.tree.lineage(run.tree.branch("b"))] == [0, 3, 3, 5, 5]


def test_elapsed_goes_on_from_the_node_and_never_falls_along_a_lineage():
    with running() as run:
        run.step(5)
        node = run.checkpoint()
        run.step(50)
        run.branch(node, lr=0.01, name="a")
        run.step(5)
        assert run.lineage_history("a").elapsed.is_monotonic_increasing


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


def test_interval_checkpoints():
    with running(checkpoint_every=3) as run:
        run.step(8)
        assert [(node.step, node.cause) for node in run.tree.nodes] == [(0, "start"), (3, "interval"), (6, "interval")]


def test_going_back_and_on_gives_the_same_bits():
    with running(lambda model: sgd(model, momentum=0.9)) as run:
        run.step(5)
        node = run.checkpoint()
        run.step(5)
        there = run.digest()
        run.restore(node)
        assert run.flush(30)
        assert run.digest() == node.digest
        run.step(5)
        assert run.digest() == there
        losses = run.history.groupby("branch", observed=True)["train/loss"].apply(list)
        assert losses["main"][5:] == losses["main @5"]


def test_renaming_and_notes():
    with running() as run:
        run.step(1)
        node = run.checkpoint()
        run.rename("main", " trunk ")
        run.note(node, "look here")
        assert (names(run), run.head.branch, node.label) == (["trunk"], "trunk", "look here")
        assert run.nodes.note.tolist() == ["", "look here"]
        run.branch(node, name="b")
        with pytest.raises(ValueError, match="Another branch is already called 'b'"):
            run.rename("trunk", "b")


def test_digest_waits_for_a_pause():
    with running() as run:
        run.start()
        with pytest.raises(rt.StatusError, match="The state changes at every step"):
            run.digest()
        run.pause()


def test_register_waits_for_a_pause():
    with running() as run:
        run.start()
        with pytest.raises(rt.StatusError, match="register\\(\\) changes what a checkpoint holds"):
            run.register("x", lambda: 0.5, print)
        run.pause()


def test_a_run_shows_where_it_is():
    with running() as run:
        run.step(2)
        assert repr(run) == "<Run paused on 'main' at step 2, 1 node>"
        assert repr(run.tree.root) == "Node(n0 start on 'main' at step 0)"
        assert repr(run.tree.branches[0]) == "Branch('main' from step 0)"


def test_compare():
    with running(data=batches(2)) as run:
        run.step(2)
        node = run.checkpoint()
        run.branch(node, lr=0.01, name="low")
        run.step(2)
        table = run.compare(["main", "low", node])
        assert list(table.columns) == ["main", "low", node.id]
        assert table.loc["step"].tolist() == [2, 4, 2]
        assert table.loc["lr"].tolist() == [0.1, 0.01, 0.1]
        assert "momentum" not in table.index
        with pytest.raises(rt.UnknownNodeError, match="There is no node 'nothing'"):
            run.compare(["nothing"])
        assert run.compare("main").equals(run.compare(["main"]))
