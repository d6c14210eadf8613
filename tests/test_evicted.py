"""Nodes whose checkpoint was freed: they are trained again, to the same bits or not at all."""

import re
import threading

import pytest
import torch

import retune_widget as rt
from tests.engine.laboratory import cross_entropy, make_run, network
from tests.resuming import evict, steered
from tests.rig import PATIENCE, batches, in_thread, result_of, running


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


@pytest.fixture(params=["memory", "disk"])
def run(request, tmp_path):
    made = make_run(adam, path=":memory:" if request.param == "memory" else tmp_path / "run")
    yield made
    made.close()


def test_an_evicted_node_comes_back_bit_for_bit_and_is_kept_again(run):
    digests = steered(run)
    evictable = ["n1", "n2", "n4", "n6"]
    before = run.disk_use.bytes
    evict(run, *evictable)
    assert run.disk_use.bytes < before
    assert [run.tree.node(its).checkpoint.status for its in evictable] == ["evicted"] * 4
    assert [run.tree.node(its).digest for its in evictable] == [digests[its] for its in evictable]
    for name in evictable:
        assert (run.seconds_to_restore(name) > 0) == (name != "n4")  # other noise, no steps
        run.restore(name)
        assert run.digest() == digests[name]
        run.flush()
        assert (run.tree.node(name).saved, run.seconds_to_restore(name)) == (True, 0)
    assert abs(run.disk_use.bytes - before) < 20_000  # a file repeats the records since the one before it
    assert run.problems == []


def test_branch_verify_and_undo_find_their_way_from_what_is_kept(run):
    digests = steered(run)
    run.restore("n2")
    run.set(lr=0.3)
    run.step(1)
    run.checkpoint()
    run.flush()
    evict(run, "n1", "n2")
    assert run.verify("n1")
    assert run.verify("n2")  # from n1, which is evicted too
    assert [run.tree.node(its).saved for its in ("n1", "n2")] == [False, False]
    run.undo()
    assert (run.head.node_id, run.digest()) == ("n2", digests["n2"])
    run.branch("n1", name="from the evicted")
    assert run.digest() == digests["n1"]
    run.step(2)


def test_what_must_stay_says_why():
    with running() as run:
        run.step(2)
        pinned = run.checkpoint()
        run.step(2)
        run.pin(pinned)
        last = run.checkpoint()
        run.flush()
        for node, reason in {
            run.tree.root: "n0 keeps its checkpoint: it is the start, from which",
            pinned: "n1 keeps its checkpoint: it is pinned",
            last: "n2 keeps its checkpoint: the run stands on it",
        }.items():
            with pytest.raises(rt.StatusError, match=reason):
                run.evict(node)
        run.pin(pinned, pinned=False)
        assert run.evict(pinned).checkpoint.evicted
        with pytest.raises(rt.StatusError, match="n1 was evicted already"):
            run.evict(pinned)
        with pytest.raises(rt.StatusError, match="n1 was evicted: restore it once, then pin it"):
            run.pin(pinned)
        assert not pinned.pinned
        run.restore(pinned)
        run.pin(pinned)
        with pytest.raises(rt.UnknownNodeError):
            run.evict("n9")


def test_a_run_that_cannot_be_replayed_evicts_nothing():
    model = network()
    optimizer = adam(model.parameters())
    run = rt.Run(model, optimizer, batches(), path=":memory:", checkpoint_every=1, window=1, budget=1)
    for step, _ in enumerate(run.batches()):
        optimizer.step()
        if step == 4:
            break
    run.flush()
    run._helm.tidy()
    with pytest.raises(rt.StatusError, match=r"n1 keeps its checkpoint: it is trained by a loop over run.batches\(\)"):
        run.evict("n1")
    assert all(node.saved for node in run.tree.nodes)
    assert [its for its in run.problems if "none of those that are left can be freed" in its]
    run.close()


def forgetful():
    """A loss that depends on something that no checkpoint holds."""
    hidden = [0.0]

    def loss(output, target):
        hidden[0] += 0.1
        return cross_entropy(output, target) * (1 + hidden[0])

    return loss


def test_the_first_eviction_is_preceded_by_a_replay_which_must_come_to_the_same_state():
    run = make_run(adam, loss_fn=forgetful(), checkpoint_every=2, window=2)
    run.step(10)
    run.flush()
    run.step(1)
    assert [node.checkpoint.status for node in run.tree.nodes] == ["saved"] * 6
    (told,) = run.problems
    assert re.match(r"Nothing is evicted: training the steps to n\d again came to another state\. run\.verify", told)
    with pytest.raises(rt.StatusError, match="n2 keeps its checkpoint: Nothing is evicted: training the steps"):
        run.evict("n2")
    run.close()


def test_a_replay_that_comes_elsewhere_later_is_an_error_that_names_what_is_kept():
    lever = []

    def loss(output, target):
        return cross_entropy(output, target) * (2 if lever else 1)

    run = make_run(adam, loss_fn=loss)
    for _ in range(3):
        run.step(3)
        run.checkpoint()
    run.flush()
    evict(run, "n2")
    lever.append(True)
    before, head = run.digest(), run.head
    with pytest.raises(
        rt.RestoreError, match=r"n2 was evicted, .* came to another state at n2, step 6: .* is n1 at step 3\."
    ):
        run.restore("n2")
    assert (run.digest(), run.head) == (before, head)
    assert not run.verify("n2")
    with pytest.raises(rt.StatusError, match="Nothing is evicted"):
        run.evict("n1")
    lever.clear()
    run.restore("n2")
    run.close()


def test_draws_by_others_between_steps_do_not_stand_in_the_way():
    run = make_run(adam)
    for _ in range(3):
        run.step(3)
        torch.rand(2)
        run.checkpoint()
    run.flush()
    run.step(2)
    expected = run._engine.capture().training_digest()
    evict(run, "n1", "n2")
    run.restore("n2")
    run.step(5)
    assert run._engine.capture().training_digest() == expected
    run.close()


def test_a_value_that_was_registered_later_is_no_part_of_what_was_before():
    box = {"smoothing": 0.0}
    run = make_run(adam)
    for _ in range(2):
        run.step(3)
        run.checkpoint()
    run.flush()
    digest = run.tree.node("n1").digest
    run.register("smoothing", lambda: box["smoothing"], lambda value: box.update(smoothing=value))
    run.set(smoothing=0.5)
    assert [node.note for node in run.tree.nodes][3] == "edited by hand"  # no replay registers a value
    run.step(1)
    evict(run, "n1")
    run.restore("n1")
    assert run.tree.node("n1").digest == digest
    assert (box["smoothing"], "smoothing" in run.hyperparameters) == (0.5, True)
    run.close()


def test_what_changes_leave_in_the_optimizer_when_they_are_taken_back_is_no_way_to_replay():
    run = make_run(lambda p: torch.optim.Adam(p, lr=0.01))
    run.step(2)
    run.set(amsgrad=True)
    run.set(amsgrad=False)
    run.step(2)
    run.checkpoint()
    run.step(1)
    run.checkpoint()
    run.flush()
    with pytest.raises(rt.StatusError, match="the state of n2 was edited by hand"):
        run.evict("n2")
    run.close()


def test_a_replay_is_given_up_when_somebody_pauses():
    model = network()
    optimizer = adam(model.parameters())
    entered, go, replayed = threading.Event(), threading.Event(), []
    go.set()

    def step(batch):
        entered.set()
        assert go.wait(PATIENCE)
        optimizer.zero_grad()
        loss = cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        run.log(seen=1.0)  # in a replay it was recorded already
        if replayed:
            run.log(late=1.0)
        return loss

    data = [(torch.randn(4, 6), torch.zeros(4, dtype=torch.int64))]
    run = rt.Run(model, optimizer, data, step=step, path=":memory:")
    for _ in range(2):
        run.step(4)
        run.checkpoint()
    run.flush()
    evict(run, "n1")
    rows, before, head = len(run.history), run.digest(), run.head
    entered.clear()
    go.clear()
    restoring = in_thread(run.restore, "n1")
    assert entered.wait(PATIENCE)
    assert run.problems == ["Training waits: steps are trained again, now number 1. Pausing gives that up."]
    run.pause()
    go.set()
    with pytest.raises(rt.StatusError, match="It was cancelled, 3 steps before the node was reached"):
        result_of(restoring)
    assert (run.digest(), run.head, len(run.history), run.status) == (before, head, rows, "paused")
    assert run.problems == []
    replayed.append(True)
    run.restore("n1")
    replayed.clear()
    run.step(1)
    assert run.head.step == 5
    assert not [name for name in run.history.columns if "late" in name]
    run.close()


def test_large_states_that_are_copied_while_training_goes_on_come_back_too():
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(6, 160), torch.nn.Linear(160, 160), torch.nn.Linear(160, 3))
    run = make_run(adam, model=model, checkpoint_every=2, window=4)
    run.step(9)
    run.flush()
    run.step(4)
    run.flush()
    run._helm.tidy()
    run.flush()
    assert [its.step for its in run.tree.nodes if its.checkpoint.evicted] == [2, 4, 6, 8]
    for node in run.tree.nodes:
        digest = node.digest
        run.restore(node)
        assert run.digest() == digest
    assert run.problems == []
    run.close()
