"""Where each checkpoint is, what all of them take, and what a person can do about it."""

import uuid

import pytest
import torch

from retune_widget.view.outlook import about
from tests.storage.faulty import FULL, FaultyStore
from tests.view.conftest import answer_to, until


@pytest.fixture
def store(monkeypatch):
    """Where the run below is kept: it can be filled, held up and emptied again."""
    made = FaultyStore()
    monkeypatch.setattr("retune_widget.run.open_store", lambda *_, **__: made)
    yield made
    made.open.set()


def status_of(view, name):
    return next(node["checkpoint"] for node in view.tree.nodes if node["id"] == name)


def settled(view, run):
    run.flush()
    view.pump.draw_now()


def test_a_checkpoint_is_saving_until_it_is_saved(store, run, view, ask):
    settled(view, run)
    assert status_of(view, "n0")["status"] == "saved"
    store.open.clear()
    ask(view.toolbar, kind="checkpoint", note="the start, again")
    ask(view.toolbar, kind="step", n=1)
    ask(view.toolbar, kind="checkpoint", note=None)
    assert status_of(view, "n1") == {"status": "saving", "reason": None, "bytes": 0}
    store.open.set()
    settled(view, run)
    checkpoint = status_of(view, "n1")
    assert checkpoint["status"] == "saved"
    assert checkpoint["bytes"] == run.tree.node("n1").checkpoint.bytes > 0


def test_a_checkpoint_that_cannot_be_saved_says_why_and_is_saved_when_there_is_room(store, run, view, ask):
    settled(view, run)
    store.refused.add("checkpoint")
    ask(view.toolbar, kind="step", n=1)
    ask(view.toolbar, kind="checkpoint", note=None)
    settled(view, run)
    assert status_of(view, "n1") == {"status": "not saved", "reason": FULL, "bytes": 0}
    assert view.details.node["checkpoint"] == status_of(view, "n1")
    assert FULL in view.toolbar.status["notices"]
    store.refused.clear()
    settled(view, run)
    assert status_of(view, "n1")["status"] == "saved"
    assert view.toolbar.status["notices"] == []


def test_the_tree_says_what_the_checkpoints_take(run, view, ask):
    settled(view, run)
    one = view.tree.disk
    assert one == {"bytes": run.disk_use.bytes, "budget": None}
    ask(view.toolbar, kind="step", n=1)
    ask(view.toolbar, kind="checkpoint", note=None)
    settled(view, run)
    assert view.tree.disk["bytes"] == run.disk_use.bytes > one["bytes"] > 0


def test_a_node_is_pinned_and_unpinned(run, view, ask):
    assert ask(view.tree, kind="pin", node="n0", pinned=True)["ok"]
    assert run.tree.node("n0").pinned
    assert (view.tree.nodes[0]["pinned"], view.details.node["pinned"]) == (True, True)
    assert ask(view.details, kind="pin", node="n0", pinned=False)["ok"]
    assert (view.tree.nodes[0]["pinned"], run.tree.node("n0").pinned) == (False, False)
    assert "no node 'n9'" in ask(view.tree, kind="pin", node="n9", pinned=True)["error"]
    assert "pinned cannot be 1" in ask(view.tree, kind="pin", node="n0", pinned=1)["error"]


@pytest.fixture
def steps(view, ask):
    """Four nodes, two steps apart."""
    for note in ("one", "two", "three"):
        ask(view.toolbar, kind="step", n=2)
        ask(view.toolbar, kind="checkpoint", note=note)


def test_a_checkpoint_is_freed_and_its_node_says_that_it_is_rebuilt(run, view, ask, steps):
    settled(view, run)
    digest = run.tree.node("n1").digest
    assert ask(view.tree, kind="evict", node="n1")["text"] == "Freed: restoring it trains its steps again."
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1")
    assert status_of(view, "n1")["status"] == "evicted"
    seconds = run.seconds_to_restore("n1")
    assert view.details.node["rebuilding"] == f"rebuilt by replay, {about(seconds)}"
    assert view.details.node["digest"] == digest
    assert ask(view.tree, kind="restore", node="n1")["text"] == "At n1, step 2: paused."
    assert run.digest() == digest
    settled(view, run)
    assert status_of(view, "n1")["status"] == "saved"
    assert view.details.node["rebuilding"] is None


def test_what_cannot_be_freed_is_refused_with_the_reason(run, view, ask, steps):
    settled(view, run)
    answer = ask(view.tree, kind="evict", node="n0")
    assert not answer["ok"]
    assert answer["error"]
    assert status_of(view, "n0")["status"] == "saved"
    assert view.toolbar.status["busy"] is None


def held_up(view, gate, part, **content):
    """Ask for something that trains, hold it up inside a step; returns the id of the message."""
    gate.open.clear()
    gate.inside.clear()
    request = uuid.uuid4().hex
    part._handle_custom_msg({"id": request, **content}, [])
    assert gate.inside.wait(20)
    view.pump.draw_now()
    return request


def test_while_a_node_is_rebuilt_every_part_says_so(run, view, ask, gate, steps):
    settled(view, run)
    ask(view.tree, kind="evict", node="n1")
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1")
    words = f"rebuilding n1, {about(run.seconds_to_restore('n1'))}"
    request = held_up(view, gate, view.tree, kind="restore", node="n1")
    assert view.toolbar.status["busy"] == view.tree.busy == {"node": "n1", "text": words, "cancellable": True}
    assert view.details.node["busy"] == words
    gate.open.set()
    assert answer_to(view.tree, request)["ok"]
    assert (view.toolbar.status["busy"], view.tree.busy, view.details.node["busy"]) == (None, None, None)


def test_pausing_gives_a_rebuilding_up_and_leaves_the_run_where_it_was(run, view, ask, gate, steps):
    settled(view, run)
    ask(view.tree, kind="evict", node="n1")
    digest = run.digest()
    request = held_up(view, gate, view.tree, kind="restore", node="n1")
    view.toolbar._handle_custom_msg({"id": "cancel", "kind": "pause"}, [])
    gate.open.set()
    answer = answer_to(view.tree, request)
    assert not answer["ok"]
    assert "was cancelled" in answer["error"]
    assert answer_to(view.toolbar, "cancel")["ok"]
    assert (run.head.step, run.digest()) == (6, digest)
    assert status_of(view, "n1")["status"] == "evicted"
    assert view.toolbar.status["busy"] is None


def test_a_verdict_stays_with_its_node(run, view, ask, gate, steps):
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1")
    assert view.details.node["verdict"] is None
    request = held_up(view, gate, view.details, kind="verify", node="n1")
    assert view.details.node["busy"] == view.toolbar.status["busy"]["text"] == "verifying n1"
    gate.open.set()
    assert answer_to(view.details, request)["ok"]
    assert view.details.node["busy"] is None
    assert view.details.node["verdict"] == {"equal": True, "text": "2 steps trained again, every bit is the same"}
    model = run._engine.live.models["model"]

    def disturb():
        with torch.no_grad():
            model.bias[0].add_(1.0)

    gate.pass_through = disturb
    assert not ask(view.tree, kind="verify", node="n3")["ok"]
    view.tree.set_state({"selected": "n3"})
    until(lambda: view.details.node["id"] == "n3")
    verdict = view.details.node["verdict"]
    assert not verdict["equal"]
    assert verdict["text"].startswith("another train/loss at step 6; param/model/")
    view.tree.set_state({"selected": "n1"})
    until(lambda: view.details.node["id"] == "n1")
    assert view.details.node["verdict"]["equal"]


def test_two_things_at_work_are_shown_one_after_the_other(view):
    first, second = ({"node": name, "text": f"verifying {name}", "cancellable": True} for name in ("n1", "n2"))
    view.state.begin("a", first)
    view.state.begin("b", second)
    assert view.state.busy == first
    view.state.end("a")
    assert view.state.busy == second
    view.state.end("b")
    assert view.state.busy is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "less than a second"),
        (12.3, "about 12 s"),
        (89.4, "about 89 s"),
        (200, "about 3 min"),
        (9000, "about 2.5 h"),
    ],
)
def test_an_estimate_has_no_more_digits_than_it_knows(seconds, words):
    assert about(seconds) == words
