import threading
import uuid

import pytest
import torch

from tests.view.conftest import PATIENCE, answer_to, until


def test_a_node_is_verified_and_a_difference_is_an_error_with_what_differs(run, view, ask):
    ask(view.toolbar, kind="step", n=5)
    ask(view.toolbar, kind="checkpoint", note=None)
    answer = ask(view.tree, kind="verify", node="n1")
    assert (answer["ok"], answer["text"]) == (True, "n1 is exact: 5 steps trained again, every bit is the same.")
    assert (view.details.node["exact"], view.details.node["verdict"]["equal"]) == (True, True)
    with torch.no_grad():
        run._engine.live.models["model"].bias[0].add_(1.0)
    ask(view.toolbar, kind="step", n=1)
    ask(view.toolbar, kind="checkpoint", note=None)
    answer = ask(view.details, kind="verify", node="n2")
    assert not answer["ok"]
    assert answer["error"].startswith("n2 is not reached again: param/model/")  # the node of the edit
    assert [node["exact"] for node in view.tree.nodes] == [True, True, False, False]
    ask(view.tree, kind="restore", node="n2")
    shown = view.details.node
    assert (shown["id"], shown["exact"], shown["verdict"]["equal"]) == ("n2", False, False)
    assert shown["why"].startswith("it is not reached again: param/model/")
    ask(view.tree, kind="restore", node="n3")
    assert view.details.node["why"] == "n2, on the way here, is not reached again"
    answer = ask(view.tree, kind="verify", node="n3")
    assert answer["text"] == "n3 is reached again: 1 step trained again, every bit is the same."
    assert ask(view.tree, kind="verify", node="n0")["error"] == "The start has no parent to be replayed from."


def test_a_step_is_trained_and_answered(run, view, ask):
    assert ask(view.toolbar, kind="step", n=3)["ok"]
    assert run.head.step == 3
    assert view.toolbar.status["step"] == 3


def test_start_pause_and_stop(run, view, ask):
    assert ask(view.toolbar, kind="start")["ok"]
    assert ask(view.toolbar, kind="pause")["ok"]
    assert (view.toolbar.status["status"], str(run.status)) == ("paused", "paused")
    assert ask(view.toolbar, kind="stop")["ok"]
    assert view.toolbar.status["status"] == "finished"


def test_a_value_is_asked_and_used_from_a_step(run, view, ask):
    ask(view.toolbar, kind="step", n=2)
    assert ask(view.controls, kind="set", key="lr", value=0.02)["ok"]
    assert run.hyperparameters["lr"].value == 0.02
    assert view.controls.values["lr"] == 0.02
    assert view.controls.marks["lr"] == {"state": "applied", "value": 0.02, "step": 3, "text": "used from step 3"}


def test_the_mark_and_the_value_are_sent_before_the_answer(view, ask):
    ask(view.controls, kind="set", key="lr", value=0.02)
    messages = view.controls.comm.messages
    answer = next(i for i, m in enumerate(messages) if m["method"] == "custom")
    applied = next(i for i, m in enumerate(messages) if m.get("state", {}).get("values", {}).get("lr") == 0.02)
    assert applied < answer


def test_a_value_that_is_late_says_so(view, ask):
    ask(view.controls, kind="set", key="momentum", value=0.0)
    ask(view.toolbar, kind="step", n=1)
    ask(view.controls, kind="set", key="momentum", value=0.9)
    assert "late by one step" in view.controls.marks["momentum"]["text"]


def test_a_refused_value_comes_back_with_the_reason(run, view, ask):
    answer = ask(view.controls, kind="set", key="lr", value=-1.0)
    assert not answer["ok"]
    assert "Invalid learning rate: -1.0" in answer["error"]
    assert view.controls.marks["lr"]["state"] == "refused"
    assert view.controls.marks["lr"]["text"] == answer["error"]
    assert view.controls.values["lr"] == run.hyperparameters["lr"].value == 0.1


def test_a_value_that_is_in_force_already_says_so(view, ask):
    ask(view.controls, kind="set", key="lr", value=0.1)
    assert view.controls.marks["lr"]["text"] == "already in force"


def test_a_change_from_a_cell_is_marked_too(run, view, ask):
    run.set(lr=0.05)
    ask(view.toolbar, kind="step", n=1)
    until(lambda: "lr" in view.controls.marks)
    assert view.controls.marks["lr"]["text"] == "used from step 1"


def test_a_change_on_another_branch_is_not_marked(run, view):
    run.step(2)
    before = run.set(lr=0.05).node
    until(lambda: "lr" in view.controls.marks)
    run.step(2)
    run.set(momentum=0.5)
    run.branch(before, name="without")
    until(lambda: not view.controls.marks)
    run.set(lr=0.03)
    until(lambda: view.controls.marks)
    assert list(view.controls.marks) == ["lr"]


def test_checkpoint_restore_branch_and_undo(run, view, ask):
    ask(view.toolbar, kind="step", n=2)
    assert ask(view.toolbar, kind="checkpoint", note="before decay")["text"] == "Kept as n1, step 2."
    assert run.tree.node("n1").note == "before decay"
    ask(view.controls, kind="set", key="lr", value=0.01)
    ask(view.toolbar, kind="step", n=2)
    assert view.toolbar.status["can_undo"]
    assert ask(view.toolbar, kind="undo")["ok"]
    assert run.head.step == 2
    assert view.controls.marks == {}
    assert ask(view.tree, kind="restore", node="n0")["text"] == "At n0, step 0: paused."
    assert ask(view.details, kind="branch", node="n1", name="mine")["text"] == "On mine from step 2: paused."
    assert run.head.branch == "mine"
    assert view.toolbar.status["busy"] is None


def test_rename_note_and_delete(run, view, ask):
    ask(view.toolbar, kind="step", n=2)
    ask(view.toolbar, kind="checkpoint", note=None)
    ask(view.tree, kind="branch", node="n1", name="mine")
    mine = next(branch["id"] for branch in view.tree.branches if branch["name"] == "mine")
    assert ask(view.tree, kind="rename", branch=mine, name="yours")["ok"]
    assert ask(view.tree, kind="rename", branch=mine, name="main")["ok"] is False
    assert ask(view.tree, kind="note", node="n1", note="<b>look</b>")["ok"]
    assert run.tree.node("n1").note == "<b>look</b>"
    assert "stands on" in ask(view.tree, kind="delete_branch", branch=mine)["error"]
    ask(view.tree, kind="restore", node="n1")
    assert ask(view.tree, kind="delete_branch", branch=mine)["text"] == "yours is deleted."
    assert [branch["name"] for branch in view.tree.branches] == ["main"]


def test_an_error_in_the_step_is_shown_and_can_be_dismissed(run, view, ask, gate):
    def fails():
        raise FloatingPointError("the loss went away")

    gate.pass_through = fails
    answer = ask(view.toolbar, kind="step", n=1)
    assert answer["error"] == "FloatingPointError: the loss went away"
    until(lambda: view.toolbar.status["error"] is not None)
    assert view.toolbar.status["error"]["summary"] == "FloatingPointError: the loss went away"
    assert (
        "def loss" in view.toolbar.status["error"]["traceback"]
        or "pass_through" in view.toolbar.status["error"]["traceback"]
    )
    assert view.tree.branches[0]["stopped"] == "FloatingPointError, step 1"
    assert ask(view.toolbar, kind="dismiss_error")["ok"]
    assert view.toolbar.status["error"] is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "format_disk"}, "knows no 'format_disk'"),
        ({}, "knows no None"),
        ({"kind": ["set"]}, "knows no ['set']"),
        ({"kind": "set", "key": "lr"}, "value cannot be None"),
        ({"kind": "set", "key": "lr", "value": "high"}, "value cannot be 'high'"),
        ({"kind": "set", "key": "nope", "value": 1.0}, "nope"),
        ({"kind": "step", "n": 0}, "whole number from 1"),
        ({"kind": "step", "n": True}, "n cannot be True"),
        ({"kind": "restore", "node": "n99"}, "no node 'n99'"),
        ({"kind": "note", "node": "n99", "note": ""}, "no node 'n99'"),
        ({"kind": "rename", "branch": "99", "name": "x"}, "no longer in the tree"),
    ],
)
def test_what_makes_no_sense_is_answered_with_the_reason(view, ask, content, words):
    answer = ask(view.toolbar, **content)
    assert not answer["ok"]
    assert words in answer["error"]
    assert view.error is None


@pytest.mark.parametrize("content", ["text", None, {"kind": "start"}, {"id": 7, "kind": "start"}])
def test_a_message_without_an_id_is_left_alone(run, view, content):
    view.toolbar._handle_custom_msg(content, [])
    assert str(run.status) == "ready"


def test_a_handler_never_waits_for_a_long_step(run, view, ask, gate):
    ask(view.toolbar, kind="start")
    gate.open.clear()
    gate.inside.clear()
    assert gate.inside.wait(PATIENCE)
    requests = []

    def play_all():
        for part, content in [
            (view.controls, {"kind": "set", "key": "lr", "value": 0.03}),
            (view.toolbar, {"kind": "checkpoint", "note": None}),
            (view.toolbar, {"kind": "start"}),
            (view.toolbar, {"kind": "pause"}),
        ]:
            requests.append((part, uuid.uuid4().hex))
            part._handle_custom_msg({"id": requests[-1][1], **content}, [])

    handlers = threading.Thread(target=play_all)
    handlers.start()
    handlers.join(PATIENCE)
    assert not handlers.is_alive(), "a handler waits for the step"
    until(lambda: view.controls.marks.get("lr", {}).get("state") == "asked")
    assert view.controls.values["lr"] == 0.1
    gate.open.set()
    assert all(answer_to(part, request)["ok"] for part, request in requests)
    assert view.controls.marks["lr"]["state"] == "applied"
    assert str(run.status) == "paused"


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_beyond_all_bounds_is_refused_in_words(run, view, ask, caplog, digits):
    target = {"kind": "add_rule", "rule": "Target", "arguments": {"steps": 10**digits}}
    for part, content, words in (
        (view.controls, {"kind": "set", "key": "lr", "value": 10**digits}, "set: value is too large a number."),
        (view.toolbar, {"kind": "step", "n": 10**digits}, "step: n is too large a number."),
        (view.toolbar, target, "steps must be a whole number, not a number too large for any use."),
    ):
        answer = ask(part, **content)
        assert answer["error"].endswith(words)
    assert (run.head.step, caplog.records) == (0, [])


def test_after_close_an_intent_is_refused(run, view, ask):
    run.close()
    assert "closed" in ask(view.toolbar, kind="start")["error"]
