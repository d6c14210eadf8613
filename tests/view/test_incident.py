"""What the widget says of a step that was stopped, and the buttons that go on from it."""

from types import SimpleNamespace

import pytest
import torch

import retune_widget as rt
from retune_widget.engine.length import Length
from retune_widget.policies import Divergence, NaNGuard
from retune_widget.policies.stopped import Stopped
from retune_widget.view import register
from retune_widget.view.incident import incident_of, out_of_memory
from tests.faults import bits
from tests.view.conftest import answer_to, open_page, until


@pytest.fixture
def spoilt(run):
    """What the model's output is multiplied by, by the number of the steps that are done."""
    factors = {}

    def spoil(model, _inputs, output):
        return output * factors.get(run._engine.step, 1.0) if model.training else output

    run._engine.live.models["model"].register_forward_hook(spoil)
    return factors


def stop_at(view, ask, spoilt, step):
    spoilt[step] = float("nan")
    ask(view.toolbar, kind="start")
    until(lambda: view.toolbar.status["incident"] is not None, "the banner")
    return view.toolbar.status["incident"]


def test_a_step_that_is_not_finite_is_told_with_its_batch(run, view, ask, spoilt):
    incident = stop_at(view, ask, spoilt, 11)
    samples = run._engine.feed.samples()
    assert (incident["kind"], incident["title"]) == (
        "not finite", "Step 12 was stopped before it could damage the weights",
    )  # fmt: skip
    assert incident["facts"] == [
        "The loss is nan, and the gradient of 'weight' is not finite.",
        f"Its batch: epoch 1, sample 24, batch_size 8; its samples are {', '.join(map(str, samples))}.",
        "The run is at n1, step 11, from before that.",
    ]
    assert (incident["samples"], incident["ways"]) == (samples, ["lower lr", "skip batch"])
    assert view.toolbar.status["notices"] == []
    until(lambda: len(view.tree.nodes) > 1)
    assert view.tree.nodes[1]["label"] == "NaNGuard: step 12 stopped"
    fired, _ = view.charts._rules.marks
    until(lambda: fired.visible)
    assert list(fired.x) == [11.0]  # step 12 has no place on the axis


def test_the_first_button_goes_on_with_a_tenth_of_the_learning_rate(run, view, ask, spoilt):
    stop_at(view, ask, spoilt, 11)
    before = bits(run)
    spoilt.clear()
    answer = ask(view.toolbar, kind="recover", how="lower lr")
    assert (answer["ok"], answer["text"]) == (True, "Every learning rate × 0.1, and on.")
    until(lambda: run.head.step > 11)
    ask(view.toolbar, kind="pause")
    assert view.toolbar.status["incident"] is None
    node = run.tree.nodes[2]
    assert (node.author, run.hyperparameters["lr"].value) == ("policy:NaNGuard", pytest.approx(0.01))
    run.restore(run.tree.node("n1"))
    assert bits(run) == before


def test_the_second_button_leaves_the_batch_out(run, view, ask, spoilt):
    stop_at(view, ask, spoilt, 11)
    skipped = run._engine.feed.samples()
    spoilt.clear()
    assert ask(view.toolbar, kind="recover", how="skip batch")["text"] == "The batch is skipped, and on."
    until(lambda: run.head.step > 11)
    ask(view.toolbar, kind="pause")
    assert any(", ".join(map(str, skipped)) in its.note for its in run.tree.nodes if its.origin == "edited")


def test_the_last_batch_that_was_planned_is_left_out_and_the_run_ends(run, view, ask, spoilt):
    run._runner.length = Length(epochs=2)
    stop_at(view, ask, spoilt, 15)
    answer = ask(view.toolbar, kind="recover", how="skip batch")
    text = "The batch is skipped. It was the last one that was planned: training has ended."
    assert (answer["ok"], answer.get("text")) == (True, text)
    assert (str(run.status), run.head.step, view.toolbar.status["incident"]) == ("finished", 15, None)


def test_the_third_shows_the_node_and_leaves_all_as_it_is(run, view, ask, spoilt):
    incident = stop_at(view, ask, spoilt, 11)
    view.side.tabs.set_state({"chosen": "rules"})
    assert ask(view.toolbar, kind="select", node=incident["node"], tab="node")["ok"]
    assert (view.tree.selected, view.side.tabs.chosen, view.details.node["id"]) == ("n1", "node", "n1")
    assert (str(run.status), view.toolbar.status["incident"]) == ("paused", incident)


def test_who_looked_elsewhere_first_is_brought_back(run, view, ask, spoilt):
    stop_at(view, ask, spoilt, 11)
    ask(view.tree, kind="restore", node="n0")
    spoilt.clear()
    assert ask(view.toolbar, kind="recover", how="skip batch")["ok"]
    until(lambda: run.head.step > 11)
    ask(view.toolbar, kind="pause")
    assert run.tree.node(run.head.node_id).step >= 11


def test_a_loss_that_exploded_is_told_and_lowered(run, view, ask, spoilt):
    run.add_policy(Divergence(steps=2, window=10))
    ask(view.toolbar, kind="step", n=12)
    kept = run.checkpoint("good")
    spoilt |= dict.fromkeys(range(12, 20), -1e4)  # what was right is very wrong now
    ask(view.toolbar, kind="start")
    until(lambda: view.toolbar.status["incident"] is not None)
    incident = view.toolbar.status["incident"]
    assert (incident["kind"], incident["title"], incident["node"], incident["ways"]) == (
        "diverged", "The loss exploded: stopped after step 14", kept.id, ["lower lr"],
    )  # fmt: skip
    spoilt.clear()
    assert ask(view.toolbar, kind="recover", how="lower lr")["ok"]
    until(lambda: run.head.step > 14)
    ask(view.toolbar, kind="pause")
    changed = next(its for its in run.tree.nodes if its.changes)
    assert (changed.step, changed.author) == (12, "policy:Divergence")
    assert changed.note.startswith("lower lr, because train/loss is ")
    divergence = next(its for its in run.policies if its.name == "Divergence")
    assert len(divergence.fired) == 1


def own_loop(run, model, optimizer, x, y):
    for batch in run.batches():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[:8]), y[:8])
        if run.head.step == 3:
            loss = loss * float("nan")
        loss.backward()
        optimizer.step()
        del batch


def test_in_a_loop_of_the_persons_own_the_cell_has_to_be_run_again():
    model, x = torch.nn.Linear(4, 2), torch.randn(32, 4)
    y = (x.sum(1) > 0).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.utils.data.TensorDataset(x, y)
    run = rt.Run(model, optimizer, data, batch_size=8, path=":memory:")
    view = run.view
    open_page(view)
    with pytest.raises(rt.NonFiniteError) as broken:
        own_loop(run, model, optimizer, x, y)
    register.after_cell(SimpleNamespace(error_in_exec=broken.value, error_before_exec=None))
    until(lambda: view.toolbar.status["incident"] is not None)
    status = view.toolbar.status
    assert status["error"] is None
    assert status["incident"]["facts"][-1] == "Your own loop has ended: run its cell again to go on."
    assert "gradient of 'weight'" in status["incident"]["facts"][0]
    view.toolbar._handle_custom_msg({"id": "1", "kind": "recover", "how": "lower lr"}, [])
    assert answer_to(view.toolbar, "1")["text"] == "Every learning rate × 0.1: run the cell of your loop again."
    assert run.hyperparameters["lr"].value == pytest.approx(0.01)
    assert (view.toolbar.status["incident"], view.toolbar.status["error"]) == (None, None)
    run.close()
    view.close()


def test_memory_that_ran_out_is_told_until_it_is_read(run, view, ask):
    run.step(1)
    run._engine.memory.said = "Out of memory with batch_size=64 at step 2: 8 is in force again."
    ask(view.toolbar, kind="step", n=1)
    incident = view.toolbar.status["incident"]
    assert (incident["kind"], incident["title"]) == ("memory", run._engine.memory.said)
    assert view.toolbar.status["notices"] == []
    assert ask(view.toolbar, kind="dismiss_incident")["ok"]
    assert view.toolbar.status["incident"] is None


def test_the_node_of_a_batch_size_that_was_put_back_is_named():
    change = {"author": "memory", "node": "n3"}
    assert out_of_memory("Out of memory", [change, {"author": "user", "node": "n4"}])["node"] == "n3"
    assert out_of_memory("Out of memory", [])["node"] is None


def test_a_batch_that_is_not_known_is_said():
    stopped = Stopped("NaNGuard", NaNGuard.__name__, 9, "its loss is nan", "n2", 5, "text")
    facts = incident_of(stopped, own_loop=False)["facts"]
    assert facts[1:] == ["Which batch it was is not known.", "The run is at n2, step 5, from before that."]


def test_a_step_that_left_traces_says_where_one_goes_back_to():
    stopped = Stopped("NaNGuard", NaNGuard.__name__, 9, "its loss is nan", "n2", 5, "text", reached=False)
    incident = incident_of(stopped, own_loop=True)
    assert incident["title"] == "Step 9 was stopped because it is not finite"
    assert incident["facts"][2] == "It left traces in the model: to go on is to go back to n2, step 5."
