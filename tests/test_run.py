"""A run as a whole: lineages, tables, notes, what it says of itself."""

import pytest

import retune_widget as rt
from tests.rig import batches, names, running, sgd


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
