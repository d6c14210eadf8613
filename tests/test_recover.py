"""Going on after a step that was stopped: what is refused moves nothing, and what is said is true."""

import pytest
import torch

import retune_widget as rt
from retune_widget.engine.feed import make_feed
from retune_widget.engine.grouped_feed import GroupedFeed
from retune_widget.policies import NaNGuard
from retune_widget.policies.schedules import constant, warmup
from tests.engine.laboratory import Noisy, cross_entropy
from tests.faults import adam, bits, in_own_step, make, normed
from tests.rig import PATIENCE, parameters, same


def stopped_at(step, **options):
    """A run whose next step was stopped, and what makes it bad."""
    run, fault = make(**options)
    run.step(step) if step else None
    fault.at = step
    run.step(1)
    return run, fault


def all_of(run):
    return run.head, bits(run), run.problems, len(run.tree.nodes), len(run._helm.changes)


@pytest.mark.parametrize(
    ("how", "factor", "error"),
    [
        ("lower lr", -1.0, ValueError),
        ("lower lr", 1.0, rt.HyperparameterError),
        ("skip batch", 0.1, rt.StatusError),
    ],
)
def test_what_is_refused_moves_nothing(how, factor, error):
    run, _ = stopped_at(3)
    before = all_of(run)
    with pytest.raises(error):
        run.recover(how, node="n0", factor=factor)
    assert all_of(run) == before
    assert run.set(lr=0.5).step == 3
    run.close()


def own_run(model):
    """A run that a loop of one's own trains, and that loop: its fourth step is bad while `bad` has something in it."""
    optimizer, bad = adam(model.parameters()), [True]
    run = rt.Run(model, optimizer, Noisy(), batch_size=8, path=":memory:")

    def loss(output, target):
        return cross_entropy(output, target) * (float("nan") if bad and run._engine.step == 3 else 1.0)

    step = in_own_step(model, optimizer, loss)

    def loop(until):
        for batch in run.batches():
            step(batch)
            if run._engine.step + 1 == until:
                break

    return run, loop, bad


def test_a_loop_of_ones_own_that_was_stopped_is_told_without_a_notebook():
    model = torch.nn.Linear(6, 3)
    run, loop, bad = own_run(model)
    loop(3)
    weights = parameters(model)
    with pytest.raises(rt.NonFiniteError):
        loop(10)
    node = run.tree.nodes[-1]
    assert (run.status, run.head.step, node.step, node.author) == ("paused", 3, 3, "policy:NaNGuard")
    what = "the gradient of 'weight' is not finite, the first of them"
    assert node.note.startswith(f"step 4 was stopped: {what}. Its batch: epoch 0, sample 24, batch_size 8; its samples")
    (told,) = run.problems
    assert told == (
        f"NaNGuard: {node.note}. The run is at {node.id}, step 3, before that: run.recover('lower lr') takes a tenth "
        "of the learning rate, run.recover('skip batch') leaves this batch out, or look; then run your loop again."
    )
    assert run.policies[0].fired == ((4, what),)
    (row,) = run._helm.changes
    assert (row["author"], row["node"], row["note"]) == ("policy:NaNGuard", node.id, node.note)
    assert same(parameters(model), weights)
    run.recover("skip batch")
    assert (run.head.step, run.head.epoch) == (3, 1)
    bad.clear()
    loop(6)
    assert (run.head.step, run.problems) == (6, [])
    run.close()


def test_where_the_step_left_traces_it_is_said_where_recover_goes():
    run, loop, _ = own_run(normed())
    loop(2)
    kept = run.checkpoint()
    loop(3)
    with pytest.raises(rt.NonFiniteError):
        loop(10)
    (told,) = [its for its in run.problems if its.startswith("NaNGuard")]
    assert "The run is at" not in told
    assert f"That step left its traces in the model: to recover is to go back to {kept.id}, step 2: run.rec" in told
    assert "skip batch" not in told
    assert (run.head.step, run.tree.nodes[-1]) == (3, kept)
    run.recover("lower lr")
    assert (run.head.step, run.problems) == (2, [])
    run.close()


def test_a_loop_that_dealt_with_it_itself_is_not_stopped():
    model = torch.nn.Linear(6, 3)
    optimizer = adam(model.parameters())
    run = rt.Run(model, optimizer, Noisy(), batch_size=8, path=":memory:")
    step = in_own_step(model, optimizer, lambda out, y: cross_entropy(out, y) * (run._engine.step != 3 or float("nan")))
    caught = []
    for batch in run.batches():
        try:
            step(batch)
        except rt.NonFiniteError as error:
            caught.append(error.step)
        if run._engine.step == 5:
            break
    assert (caught, run.problems, run.policies[0].fired) == ([4], [], ())
    run.restore("n0")
    for _ in run.batches():
        break
    assert run.problems == []
    run.close()


def test_an_epoch_whose_last_batch_is_left_out_is_not_evaluated_and_the_note_says_it():
    run, fault = stopped_at(3, epochs=2, val_data=Noisy())
    run.recover("skip batch")
    assert run.tree.nodes[-1].note.endswith(". It was the last of epoch 0, which was not evaluated")
    assert (run.head.epoch, run.max_steps) == (1, 7)
    fault.at = None
    run.start()
    run.wait(PATIENCE)
    assert (run.status, run.head.step) == ("finished", 7)
    measured = run.history.dropna(subset=["val/loss"])
    assert measured["step"].tolist() == [7]
    run.close()


def test_all_batches_of_a_step_are_named_and_left_out_together():
    run, fault = make()
    run.set(accumulate=2)
    order = run._engine.feed.inner._plan.order()
    for at, start in ((0, 0), (1, 16)):
        fault.at = at
        run.step(1)
        stopped, indices = run._helm.stopped, order[start : start + 16]
        assert stopped.samples == tuple(indices)
        assert stopped.batch == f"2 together, from epoch 0, sample {start}, batch_size 8"
        assert f"its samples are {', '.join(map(str, indices[:10]))}, … ({len(indices)})" in run.problems[0]
        fault.at = None
        run.step(1)
        assert run.head.step == at + 1
    run.restore("n0")
    run.set(accumulate=2)
    fault.at = 0
    run.step(1)
    run.restore(run.head.node_id)  # nothing is fetched there
    run.recover("skip batch", node=run.head.node_id)
    assert run._engine.feed.position()["sample"] == 16
    assert "batch skipped: 2 together, from epoch 0, sample 0, " in run.tree.nodes[-1].note
    run.close()


def test_a_group_that_was_not_fetched_is_passed_whole():
    feed = GroupedFeed(make_feed(Noisy(), 8, 0), 3)
    feed.advance()
    assert (feed.position()["sample"], feed.size, len(feed.samples())) == (24, 1, 6)
    feed.next()
    assert (feed.size, len(feed.samples()), feed.position()["sample"]) == (1, 6, 24)
    feed.advance()
    assert (feed.epoch, feed.position()["sample"], feed.size) == (1, 0, 3)
    assert GroupedFeed(make_feed([1, 2, 3], None, 0), 2).samples() is None
    feed.close()


def test_a_learning_rate_of_zero_cannot_be_lowered_and_the_notice_stays():
    run, _ = stopped_at(0, schedules={"lr": warmup(10, constant(0.1))})
    before = all_of(run)
    for node in (None, "n0"):
        with pytest.raises(rt.HyperparameterError, match=r"^lr=0 here: × 0.1 changes nothing\. Set it"):
            run.recover("lower lr", node=node)
    assert all_of(run) == before
    assert run._helm.stopped.step == 1
    run.close()


@pytest.mark.parametrize("late", [False, True])
def test_of_two_guards_the_one_that_acts_has_stopped_the_step(late):
    run, fault = make("own" if late else "built in")
    run._engine.nan_guard.defers = late
    run.suspend_policy("NaNGuard")
    run.add_policy(NaNGuard(), name="g")
    run.step(3)
    fault.at = 3
    run.step(2)
    assert [(its.name, [step for step, _ in its.fired]) for its in run.policies] == [("NaNGuard", []), ("g", [4])]
    assert (run.tree.nodes[-1].author, run._helm.changes[-1]["author"]) == ("policy:g", "policy:g")
    assert [its for its in run.problems if its.startswith("g: step 4 was stopped")]
    run.recover("lower lr")
    assert run.tree.nodes[-1].author == "policy:g"
    run.close()


def test_a_guard_that_the_node_gone_back_to_does_not_have_is_named_all_the_same():
    run, fault = make(policies=[])
    run._engine.nan_guard.defers = True
    run.step(3)
    run.add_policy(NaNGuard(), name="g")
    run._helm._by_hand = True  # as what is edited by hand: it cannot be trained again
    fault.at = 3
    run.step(3)
    assert (run.head.step, run.policies, run._helm.stopped.by) == (3, (), "g")
    assert run._helm.changes[-1]["author"] == "policy:g"
    run.close()


def test_after_a_resume_the_learning_rate_can_still_be_lowered(tmp_path):
    run, fault = make(path=tmp_path / "run")
    run.step(3)
    fault.at = 3
    run.step(1)
    note = run.tree.nodes[-1].note
    run.close()
    again, _ = make(path=tmp_path / "run", resume=True)
    assert (again.head.step, again.tree.node(again.head.node_id).note, again.problems) == (3, note, [])
    for how in ("lower lr", "skip batch"):
        with pytest.raises(rt.StatusError, match="No step was stopped since training went on or was resumed"):
            again.recover(how)
    again.recover("lower lr", node=again.head.node_id)
    assert again.hyperparameters["lr"].value == pytest.approx(1e-3)
    again.step(2)
    assert (again.head.step, again.tree.nodes[-1].author) == (5, "policy:NaNGuard")
    again.close()
