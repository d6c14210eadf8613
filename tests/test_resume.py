"""A run that goes on in a new process: the tree, the history and the head come back, bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import torch

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy
from tests.resuming import again, lose, network, train
from tests.rig import parameters, same, shape

ROOT = Path(__file__).resolve().parents[1]


def losses(run):
    return run.lineage_history(run.head.branch)["train/loss"].to_numpy().view(np.int64).tolist()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run"


def test_everything_comes_back_and_goes_on_bit_for_bit(path):
    with_no_break = train(":memory:")
    first = train(path)
    for run in (with_no_break, first):
        run.step(5)
        run.set(lr=0.03, note="faster")
        run.step(4)
        run.branch("n1", lr=0.002, name="slower")
        run.step(3)
        run.checkpoint("here")
    first.flush()
    tables = [first.history, first.changes, first.nodes, shape(first), first.head]
    digest = first.digest()
    first.close()
    second = again(path)
    now = [second.history, second.changes, second.nodes, shape(second), second.head]
    assert [str(part) for part in now] == [str(part) for part in tables]
    assert second.digest() == digest
    assert second.problems == []
    for run in (with_no_break, second):
        run.step(6)
        run.set(weight_decay=0.1)
        run.step(3)
    assert losses(second) == losses(with_no_break)
    assert second.digest() == with_no_break.digest()
    assert shape(second) == shape(with_no_break)
    second.restore("n1")
    assert second.digest() == second.tree.node("n1").digest
    second.close()
    with_no_break.close()


def test_steps_after_the_last_checkpoint_are_kept_until_they_are_trained_again(path):
    run = train(path)
    run.step(4)
    run.checkpoint()
    run.step(5)
    expected = losses(run)
    lose(run)
    run = again(path)
    assert run.head.step == 4
    assert len(run.history) == 9
    (told,) = run.problems
    assert told == (
        "Steps 5 to 9 were recorded after the last saved checkpoint. Training on does them again; "
        "run.branch('n1') keeps them as they are."
    )
    run.step(2)
    assert (len(run.history), run.problems, run.head.branch) == (6, [], "main")
    run.step(3)
    assert losses(run) == expected
    run.close()
    assert len(rt.open(path).history) == 9


def test_a_checkpoint_is_saved_after_the_rows_before_it(path, monkeypatch):
    """A process that dies right after a checkpoint has lost none of the history up to it."""
    run = train(path)
    append, save = run._store.append_history, run._store.save_checkpoint
    order = []
    monkeypatch.setattr(run._store, "append_history", lambda its: (order.extend(c.steps[-1] for c in its), append(its)))
    monkeypatch.setattr(run._store, "save_checkpoint", lambda *its: (order.append("checkpoint"), save(*its))[1])
    run.step(3)
    run.flush()
    order.clear()
    run._helm._next_store = float("inf")  # not by time
    run.step(3)
    run.set(lr=0.5)
    run.flush()
    assert order.index(6) < max(at for at, what in enumerate(order) if what == "checkpoint")
    run.close()


def test_the_tail_is_kept_beside_a_branch(path):
    run = train(path)
    run.step(4)
    run.checkpoint()
    run.step(5)
    lose(run)
    run = again(path)
    run.branch("n1", lr=0.5, name="other")
    run.step(2)
    assert run.history.groupby("branch", observed=True).size().to_dict() == {"main": 9, "other": 2}
    run.close()


@pytest.mark.parametrize("steps", [0, 3])
def test_a_change_is_in_force_again(path, steps):
    run = train(path)
    run.step(4)
    run.set(lr=0.5)
    if steps:
        run.step(steps)
    lose(run)
    run = again(path)
    assert (run.head.step, run.hyperparameters["lr"].value) == (4, 0.5)
    run.step(1)
    assert (run.head.branch, run.history.lr.tolist()) == ("main", [0.01] * 4 + [0.5])
    run.undo()
    assert run.hyperparameters["lr"].value == 0.01
    run.close()


def test_a_run_that_was_put_back_begins_a_branch_as_it_would_have(path):
    run = train(path)
    run.step(4)
    run.set(lr=0.5)
    run.step(3)
    run.restore("n1")
    lose(run)
    run = again(path)
    assert (run.head.step, run.hyperparameters["lr"].value, run.problems) == (4, 0.01, [])
    run.step(1)
    assert run.head.branch != "main"
    assert len(run.lineage_history("main")) == 7
    run.close()


def test_a_first_step_on_a_branch_from_a_change_is_without_the_change(path):
    run = train(path)
    run.step(4)
    run.set(lr=0.5)
    run.step(1)
    run.restore("n1")
    run.step(2)  # on a branch of its own, before the change
    name = run.head.branch
    lose(run)
    run = again(path)
    assert (run.head.branch, run.head.step, run.hyperparameters["lr"].value) == (name, 4, 0.01)
    run.close()


def test_a_node_whose_checkpoint_was_lost_is_shown_and_cannot_be_restored(path):
    run = train(path)
    run.step(4)
    run.checkpoint("kept")
    run.step(2)
    lost = run.checkpoint("lost")
    run.step(1)
    run.flush()
    run._store.delete([], [], [lost.checkpoint.id])
    lose(run)
    run = again(path)
    assert (run.head.step, run.head.node_id) == (4, "n1")
    with pytest.raises(rt.StoreError, match="was never saved: It was not saved when the process ended"):
        run.restore("n2")
    run.step(1)
    assert run.head.branch != "main"  # the lost node still stands on it
    run.close()


def test_changes_that_were_in_force_before_a_lost_node_begin_a_branch_of_their_own(path):
    run = train(path)
    run.step(4)
    run.set(lr=0.5)
    run.step(2)
    lost = run.checkpoint("lost")
    run.flush()
    run._store.delete([], [], [lost.checkpoint.id])
    lose(run)
    run = again(path)
    assert (run.head.step, run.head.branch, run.hyperparameters["lr"].value) == (4, "lr=0.5 @4", 0.5)
    run.step(2)
    node = run.checkpoint()
    assert run.verify(node)
    run.undo()
    assert run.hyperparameters["lr"].value == 0.01
    run.close()


def test_a_registered_value_waits_until_it_is_registered(path):
    box = {"smoothing": 0.0}
    register = ("smoothing", lambda: box["smoothing"], lambda value: box.update(smoothing=value))
    run = train(path)
    run.register(*register)
    run.step(2)
    run.set(smoothing=0.25)
    run.step(1)
    run.checkpoint()
    run.close()
    box["smoothing"] = 0.0
    run = again(path)
    assert run.problems == ["Not exact: the checkpoint has a value of 'smoothing' that nobody registered."]
    run.register(*register)
    assert (box["smoothing"], run.problems) == (0.25, [])
    run.close()


def test_other_conditions_are_said(path):
    run = train(path)
    run.step(2)
    run.close()
    run = again(path, data=Noisy(24))
    assert run.problems == ["Not exact: it was resumed under other conditions: length of the data was 30 and is 24."]
    assert run.checkpoint().exact
    run.step(1)
    node = run.checkpoint()
    assert (node.exact, node.why) == (False, run.problems[0].removeprefix("Not exact: ").removesuffix("."))
    run.close()


def test_other_data_of_the_same_length_is_said(path):
    run = train(path)
    run.step(2)
    digest = run.digest()
    run.close()
    other = Noisy()
    other.x[7] += 1
    run = again(path, data=other)
    assert run.problems == ["Not exact: it was resumed under other conditions: sample 7 of the data is another one."]
    assert run.digest() == digest  # it is restored all the same
    run.step(1)
    assert not run.checkpoint().exact
    run.close()


def test_another_model_is_refused_and_nothing_is_lost(path):
    run = train(path)
    run.step(2)
    run.close()
    with pytest.raises(rt.RestoreError, match="The model is not the one that was captured"):
        train(path, model=network(width=9), resume=True)
    run = again(path)  # the folder is free again
    assert run.head.step == 2
    run.close()


def test_data_of_another_kind_is_refused_and_nothing_is_changed(path):
    run = train(path)
    run.step(2)
    digest = run.digest()
    run.close()
    model = network(8)
    before = parameters(model)
    batches = [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]))]
    with pytest.raises(rt.RestoreError, match="a position in data of another kind"):
        rt.Run(
            model, torch.optim.Adam(model.parameters()), batches, loss_fn=cross_entropy, path=path, resume=True
        )  # fmt: skip
    assert same(parameters(model), before)
    run = again(path)
    assert run.digest() == digest
    run.close()


def test_closing_keeps_the_last_steps(path):
    run = train(path)
    run.step(7)
    digest = run.digest()
    run.close()
    run.close()
    run = again(path)
    assert (run.head.step, run.digest(), run.tree.nodes[-1].note) == (7, digest, "closed")
    run.close()


def test_resume_where_there_is_nothing_yet_begins_a_run(path):
    run = train(path, resume=True)
    run.step(1)
    run.close()
    assert again(path).head.step == 1


@pytest.mark.parametrize("place", [None, ":memory:"])
def test_resume_needs_a_folder(place):
    with pytest.raises(ValueError, match="resume=True needs path=, the folder of the run to go on with"):
        train(place, resume=True)


def test_a_folder_with_a_run_is_not_overwritten(path):
    train(path).close()
    with pytest.raises(rt.StoreError, match="nothing is overwritten: pass resume=True to go on with it"):
        train(path)
