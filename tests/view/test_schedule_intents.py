"""Schedules asked for in the browser: forms, previews, what was refused, and who governs what."""

import json

import pytest
from torch import optim

import retune_widget as rt
from tests.rig import network, running, sgd
from tests.view.conftest import open_page, until

COSINE = {"kind": "cosine", "entries": {"start": "0.1", "end": "0.02", "steps": "40"}, "warmup": None}
TWICE = {"kind": "constant", "entries": {"value": "-1"}, "warmup": None}


def governed(view, key="lr"):
    return view.controls.governed.get(key)


def test_a_draft_has_the_value_in_force_and_what_is_left(run, view, ask):
    run.max_steps = 500
    run.step(20)
    answer = ask(view.controls, kind="draft_schedule", key="lr")
    form = answer["found"]
    cosine = next(its for its in form["kinds"] if its["kind"] == form["kind"])
    assert [(its["name"], its["entry"]) for its in cosine["fields"]] == [
        ("start", "0.1"),
        ("end", "1e-3"),
        ("steps", "480"),
    ]
    assert all(its["help"] for kind in form["kinds"] for its in kind["fields"])
    json.dumps(answer, allow_nan=False)


def test_a_preview_has_the_values_and_changes_nothing(run, view, ask):
    run.step(5)
    nodes = len(run.tree.nodes)
    found = ask(view.controls, kind="preview_schedule", key="lr", form=COSINE)["found"]
    cosine = rt.schedules.cosine(0.1, 0.02, 40)
    assert found["steps"] == list(range(5, 56))  # and a quarter of it after its end
    assert found["values"] == [cosine(at) for at in range(51)]
    assert found["text"] == "0.1 → 0.02 by step 55"
    assert (len(run.tree.nodes), run.governed) == (nodes, {})
    cycle = {"peak": "1", "steps": "40", "rise": "0.5", "start_factor": "0.1", "end_factor": "0.5"}
    form = {"kind": "one_cycle", "entries": cycle, "warmup": None}
    found = ask(view.controls, kind="preview_schedule", key="lr", form=form)["found"]
    assert found["text"] == "0.1 → 1 → 0.05 by step 53"
    run.max_steps = 25
    found = ask(view.controls, kind="preview_schedule", key="lr", form=COSINE)["found"]
    assert found["steps"][-1] == 25
    assert "planned to end 20 steps before the schedule does" in found["text"]


def test_whole_numbers_are_shown_as_they_will_be(view, ask):
    line = {"kind": "linear", "entries": {"start": "8", "end": "10", "steps": "4"}, "warmup": None}
    found = ask(view.controls, kind="preview_schedule", key="batch_size", form=line)["found"]
    assert found["values"][:5] == [8, 8, 9, 10, 10]


def test_a_schedule_is_set_scaled_held_released_and_removed(run, view, ask):
    run.step(3)
    assert ask(view.controls, kind="schedule", key="lr", form=COSINE)["ok"]
    assert governed(view) == {
        "name": "cosine",
        "mode": "scale",
        "scale": 1.0,
        "text": "×1.0 of cosine",
        "title": "×1 of cosine(0.1 → 0.02, 40)",
        "ours": True,
    }
    assert view.controls.marks["lr"] == {"state": "applied", "value": 0.1, "step": 4, "text": "used from step 4"}
    run.step(20)
    assert run.history.lr.tolist()[3:] == [rt.schedules.cosine(0.1, 0.02, 40)(at) for at in range(20)]
    half = run.preview("lr", 1)[0] / 2
    ask(view.controls, kind="set", key="lr", value=half)
    assert governed(view)["text"] == "×0.50 of cosine"
    assert view.controls.values["lr"] == pytest.approx(half)
    ask(view.controls, kind="hold", key="lr")
    assert (governed(view)["mode"], governed(view)["text"]) == ("hold", "held at 0.03 (cosine)")
    assert view.controls.marks["lr"]["text"] == "used from step 24"
    ask(view.controls, kind="release", key="lr")
    assert governed(view)["text"] == "×1.0 of cosine"
    ask(view.controls, kind="unschedule", key="lr")
    assert governed(view) is None
    assert view.controls.marks["lr"]["text"] == "used from step 24 · without cosine"
    labels = [node["label"] for node in view.tree.nodes if node["changes"]]
    assert labels == ["lr ~ cosine", "lr without cosine"], "what happened at one boundary is one change"


def as_opened(ask, view, key="lr"):
    """The form as it opens, to be sent without an edit."""
    form = ask(view.controls, kind="draft_schedule", key=key)["found"]
    fields = next(its for its in form["kinds"] if its["kind"] == form["kind"])["fields"]
    entries, warmup = ({its["name"]: its["entry"] for its in some} for some in (fields, form["warmup"]))
    return {"kind": form["kind"], "entries": entries, "warmup": warmup if form["warms_up"] else None}


@pytest.mark.parametrize(
    "schedule",
    [
        rt.schedules.exponential(0.1, 0.5, 100),
        rt.schedules.piecewise({0: 0.1, 25: 0.05, 400: 0.01}),
        rt.schedules.warmup(40, rt.schedules.cosine(0.1, 0.01, 200)),
        rt.schedules.cosine(0.123456789, 0.01, 10),
    ],
    ids=str,
)
@pytest.mark.parametrize("hand", [{}, {"kind": "set", "value": 0.03}, {"kind": "hold"}], ids=str)
def test_a_form_that_is_set_as_it_opened_changes_nothing(run, view, ask, schedule, hand):
    run.step(3)
    run.schedule("lr", schedule)
    run.step(20)
    if hand:
        ask(view.controls, key="lr", **hand)
    before, nodes, changes, coming = run.governed["lr"], len(run.tree.nodes), len(run.changes), run.preview("lr", 60)
    form = as_opened(ask, view)
    found = ask(view.controls, kind="preview_schedule", key="lr", form=form)["found"]
    assert found["text"].endswith("; in force since step 3, and goes on")
    shown = {at: value for at, value in zip(found["steps"], found["values"], strict=True) if at < 83}
    assert len(shown) > 10
    assert shown == {at: coming[at - 23] for at in shown}
    assert ask(view.controls, kind="schedule", key="lr", form=form)["ok"]
    assert view.controls.marks["lr"]["text"] == "already in force"
    assert (run.governed["lr"], len(run.tree.nodes), len(run.changes)) == (before, nodes, changes)
    assert run.preview("lr", 60) == coming


def test_a_form_that_was_edited_begins_again_and_says_so(run, view, ask):
    run.schedule("lr", rt.schedules.warmup(40, rt.schedules.cosine(0.1, 0.01, 200)))
    run.step(20)
    form = as_opened(ask, view)
    form["entries"]["end"] = "0.02"
    found = ask(view.controls, kind="preview_schedule", key="lr", form=form)["found"]
    assert found["text"].endswith("; begins again at the next step")
    line = {"kind": "linear", "entries": {"start": "0.1", "end": "0", "steps": "9"}, "warmup": None}
    found = ask(view.controls, kind="preview_schedule", key="lr", form=line)["found"]
    assert found["text"].endswith("; begins in the place of warmup + cosine at the next step")
    assert ask(view.controls, kind="schedule", key="lr", form=form)["ok"]
    again = rt.schedules.warmup(40, rt.schedules.cosine(0.1, 0.02, 200))
    assert run.preview("lr", 60) == [again(at) for at in range(60)]
    assert (run.governed["lr"].since, run.changes.governed.iloc[-1]) == (20, str(again))


def test_in_python_the_same_schedule_begins_again(run):
    schedule = rt.schedules.cosine(0.1, 0.01, 200)
    run.schedule("lr", schedule)
    run.step(20)
    assert run.schedule("lr", schedule).node
    assert (run.governed["lr"].since, run.hyperparameters["lr"].value) == (20, 0.1)


def test_what_happened_reads_well_in_tree_details_chart_and_table(run, view, ask):
    steps = [
        ("schedule", {"form": COSINE}, "lr ~ cosine", "cosine(0.1 → 0.02, 40)"),
        ("set", {"value": 0.05}, "lr ×0.52 of cosine", "×0.5157 of cosine"),
        ("hold", {}, "lr held at 0.04553", "held at 0.04553"),
        ("release", {}, "lr released to cosine", "released to cosine"),
        ("unschedule", {}, "lr without cosine", "without cosine"),
    ]
    for kind, more, label, words in steps:
        ask(view.controls, kind=kind, key="lr", **more)
        run.step(5)
        until(lambda label=label: view.tree.nodes[-1]["label"] == label, label)
        assert view.tree.nodes[-1]["changes"][0]["governed"] == words
        view.tree.set_state({"selected": view.tree.nodes[-1]["id"]})
        until(lambda label=label: view.details.node["label"] == label, label)
        assert view.details.node["changes"][0]["governed"] == words
        assert run.changes.governed.iloc[-1] == words
    view.pump.draw_now()
    marked = {text for mark in view.charts.metric.over[2:] for text in getattr(mark, "text", ())}
    assert {label for *_, label, _ in steps} <= marked


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"key": "lr", "form": COSINE | {"entries": {}}}, "start is empty."),
        ({"key": "lr", "form": TWICE}, "Invalid learning rate: -1.0"),
        ({"key": "momentum", "form": TWICE | {"entries": {"value": "-0.5"}}}, "Invalid momentum value: -0.5"),
        ({"key": "batch_size", "form": TWICE | {"entries": {"value": "4096"}}}, "batch_size must be from 1 to 64"),
        ({"key": "nesterov", "form": TWICE}, "nesterov is on or off: a schedule cannot drive it."),
        ({"key": "nope", "form": COSINE}, "nope"),
        ({"key": "lr", "form": {}}, "no schedule of the kind None"),
        ({"key": "lr", "form": "cosine"}, "form cannot be 'cosine'"),
        ({"key": "lr"}, "form cannot be None"),
    ],
)
@pytest.mark.parametrize("kind", ["preview_schedule", "schedule"])
def test_what_is_refused_is_told_and_nothing_changes(run, view, ask, kind, content, words):
    answer = ask(view.controls, kind=kind, **content)
    assert not answer["ok"]
    assert words in answer["error"]
    assert (run.governed, len(run.tree.nodes), view.error) == ({}, 1, None)


def test_what_nobody_governs_can_be_neither_held_nor_released(view, ask):
    for kind in ("hold", "release"):
        answer = ask(view.controls, kind=kind, key="lr")
        assert answer["error"].startswith("Nothing governs lr")
        assert view.controls.marks["lr"]["state"] == "refused"


def test_a_torch_scheduler_governs_too_and_cannot_be_removed(ask):
    model = network()
    optimizer = sgd(model)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 100)
    with running(lambda _: optimizer, model=model, scheduler=scheduler) as run:
        view = run.view
        open_page(view)
        until(lambda: governed(view))
        assert governed(view)["text"] == "×1.0 of StepLR"
        assert not governed(view)["ours"]
        ask(view.controls, kind="hold", key="lr")
        assert governed(view)["text"] == "held at 0.1 (StepLR)"
        ask(view.controls, kind="schedule", key="lr", form=COSINE)
        assert (governed(view)["text"], governed(view)["ours"]) == ("×1.0 of cosine", True)
        ask(view.controls, kind="unschedule", key="lr")
        assert view.controls.marks["lr"]["text"].endswith("back to StepLR")
        view.close()


def test_a_slider_that_was_at_0_goes_on_to_have_a_place_for_it(run, view, ask):
    def has_zero():
        return next(its for its in view.controls.hyperparameters if its["key"] == "lr")["zero"]

    assert not has_zero()
    warm = COSINE | {"warmup": {"steps": "5", "start": "0"}}
    ask(view.controls, kind="schedule", key="lr", form=warm)
    assert (view.controls.values["lr"], has_zero()) == (0, True)
    ask(view.toolbar, kind="step", n=3)
    until(lambda: view.controls.values["lr"] > 0)
    assert has_zero()
    assert governed(view)["name"] == "warmup + cosine"


def test_the_part_of_the_steps_that_were_clipped_is_noted(run, view, ask):
    assert view.controls.notes == {}
    ask(view.controls, kind="set", key="grad_clip", value=1e-6)
    ask(view.toolbar, kind="step", n=6)
    until(lambda: view.controls.notes == {"grad_clip": "100 % of steps clipped"})
    ask(view.controls, kind="set", key="grad_clip", value=1e6)
    ask(view.toolbar, kind="step", n=6)
    until(lambda: view.controls.notes == {"grad_clip": "50 % of steps clipped"})
    ask(view.controls, kind="set", key="grad_clip", value=0)
    until(lambda: view.controls.notes == {})


def test_help_says_when_a_value_is_used(view):
    texts = {its["key"]: its["help"] for its in view.controls.hyperparameters}
    assert all(" Used " in text for text in texts.values())
    assert texts["lr"].endswith("Used from the next step on.")
    assert "no knob for validation" in texts["batch_size"]
