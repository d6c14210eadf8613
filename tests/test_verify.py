"""`run.verify`: a node's stretch is trained again beside the live state, and compared bit for bit."""

import pytest
import torch

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy, make_run, network
from tests.rig import batches, running


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


@pytest.fixture
def run():
    made = make_run(adam, val_data=[(torch.randn(4, 6), torch.zeros(4, dtype=torch.int64))])
    yield made
    made.close()


def test_every_node_of_a_steered_run_is_reached_again_and_the_live_state_is_not_touched(run):
    run.step(5)
    run.set(lr=0.05, note="faster")
    run.step(6)
    run.branch("n1", lr=0.001)
    run.step(3)
    run.checkpoint()
    run.step(2)
    run.undo()
    run.step(4)
    run.checkpoint("here")
    before, head, rows = run.digest(), run.head, str(run.history)
    nodes = run.tree.nodes[1:]
    verdicts = [run.verify(node) for node in reversed(nodes)]  # the head's first: the live state must come back
    assert all(verdicts), verdicts
    assert [its.steps for its in reversed(verdicts)] == [node.step - node.parent.step for node in nodes]
    assert repr(verdicts[-1]) == "<Verdict on n1: 5 steps trained again, every bit is the same>"
    assert (run.digest(), run.head, str(run.history)) == (before, head, rows)
    expected = run.digest()
    run.step(1)
    run.restore(run.tree.nodes[-1])
    assert run.digest() == expected


def test_a_weight_written_by_hand_is_found(run):
    run.step(5)
    first = run.checkpoint()
    run.step(3)
    with torch.no_grad():
        run._engine.live.models["model"][0].bias.add_(1.0)
    run.step(2)
    node = run.checkpoint()
    _, _, edited, _ = run.tree.nodes
    assert (edited.step, edited.note, edited.parent) == (8, "edited by hand", first)
    assert run.verify(first)
    assert run.verify(node)  # from the node that holds the edit
    verdict = run.verify(edited)
    assert not verdict
    assert repr(verdict) == "<Verdict on n2: param/model/0.bias differs>"


def test_a_weight_written_by_another_thread_while_it_trains_is_found(run):
    run.step(5)
    write = run._engine.on_step

    def write_by_hand(step, metrics):
        write(step, metrics)
        if step == 8:
            with torch.no_grad():
                run._engine.live.models["model"][0].bias.add_(1.0)

    run._engine.on_step = write_by_hand
    run.step(5)
    verdict = run.verify(run.checkpoint())
    assert (bool(verdict), verdict.metric, verdict.step) == (False, "train/loss", 9)
    assert verdict.part.startswith("param/model/0.")


def test_draws_by_others_between_steps_make_no_difference(run):
    for _ in range(4):
        run.step(1)
        torch.rand(3)
    assert run.verify(run.checkpoint())


def test_a_step_that_depends_on_what_nobody_keeps_is_found():
    hidden = [0.0]

    def loss(output, target):
        hidden[0] += 0.1
        return cross_entropy(output, target) * (1 + hidden[0])

    run = make_run(adam, loss_fn=loss)
    run.step(3)
    verdict = run.verify(run.checkpoint())
    assert (bool(verdict), verdict.metric, verdict.step) == (False, "train/loss", 1)
    run.close()


def test_while_it_trains_it_waits_for_the_verdict():
    run = make_run(adam)
    run.step(20)
    node = run.checkpoint()
    run.start()
    assert run.verify(node)
    assert run.status == "running"
    run.close()


def test_an_error_in_the_replay_is_raised_and_the_live_state_is_whole():
    broken = []

    def loss(output, target):
        if broken:
            raise ZeroDivisionError
        return cross_entropy(output, target)

    run = make_run(adam, loss_fn=loss)
    run.step(3)
    node = run.checkpoint()
    run.step(2)
    before = run.digest()
    broken.append(True)
    with pytest.raises(ZeroDivisionError):
        run.verify(node)
    broken.clear()
    assert (run.digest(), run.status) == (before, "paused")
    run.close()


def test_what_cannot_be_replayed_is_refused():
    with running() as run, pytest.raises(rt.StatusError, match="The start has no parent to be replayed from"):
        run.verify("n0")
    with running(data=iter(batches())) as run:
        run.step(1)
        with pytest.raises(
            rt.StatusError, match=r"This run cannot be replayed: .* iterable whose position cannot be set"
        ):
            run.verify(run.checkpoint())
    model = network()
    run = rt.Run(model, adam(model.parameters()), Noisy(), batch_size=8, path=":memory:")
    for inputs, _ in run.batches():
        model(inputs)
        run._engine.live.optimizers["optimizer"].step()
        break
    with pytest.raises(rt.StatusError, match="cannot be replayed without that loop"):
        run.verify(run.checkpoint())
    run.close()


@pytest.mark.parametrize("use", ["verify", "checkpoint"])
def test_no_record_overtakes_a_pin(run, use):
    run.step(2)
    node = run.checkpoint()
    run.step(1)
    save, held = run._writer.save_node, []

    def look(record, **rest):
        held.append(run._helm.edits.locked())
        save(record, **rest)

    run._writer.save_node = look
    run.verify(node) if use == "verify" else run.checkpoint()
    assert held == [True]
