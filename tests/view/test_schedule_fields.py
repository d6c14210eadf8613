"""The form of a schedule: fields out of the signatures, a beginning that can be set, and what is wrong in words."""

import inspect

import pytest

from retune_widget import schedules
from retune_widget.engine.hyperparameters import own_hyperparameter
from retune_widget.engine.known import KNOWN
from retune_widget.errors import ScheduleError
from retune_widget.view.schedule_draft import UNPLANNED, Standing, draft
from retune_widget.view.schedule_fields import FIELDS, HELP, KINDS, LONGEST_TEXT, WARMUP, schedule_of, summary

OWN = {"scale": "log", "low": 1e-6, "high": 1.0, "text": ""}


def hyperparameter(value, **options):
    return own_hyperparameter("lr", lambda: value, lambda _value: None, **{**OWN, **options})


def batch_size(value):
    return KNOWN["batch_size"].hyperparameter("batch_size", lambda: value, lambda _value: None)


def filled(form, kind, *, warm=False):
    """The form as it stands, sent without a change."""
    fields = next(its for its in form["kinds"] if its["kind"] == kind)["fields"]
    entries, front = ({its["name"]: its["entry"] for its in some} for some in (fields, form["warmup"]))
    return {"kind": kind, "entries": entries, "warmup": front if warm else None}


def test_every_schedule_of_the_package_is_in_the_menu_with_its_arguments():
    assert {*KINDS} == {*schedules.__all__} - {"from_record", "from_torch", "table", "warmup"}
    for kind, fields in FIELDS.items():
        assert [its.name for its in fields] == list(inspect.signature(getattr(schedules, kind)).parameters)
        assert summary(kind).endswith(".")
    assert [its.name for its in WARMUP] == ["steps", "start"]
    assert {its.name for fields in (*FIELDS.values(), WARMUP) for its in fields} <= {*HELP}
    kinds = {(its.name, its.kind) for its in FIELDS["exponential"]}
    assert kinds == {("start", "number"), ("rate", "number"), ("steps", "whole"), ("staircase", "switch")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "its",
    [
        hyperparameter(1e-3, low=0.0),
        hyperparameter(0.0, low=0.0),
        hyperparameter(0.9, scale="one_minus_log", low=0.0, high=0.9999),
        hyperparameter(0.3, scale="linear", low=0.0, high=0.9),
        hyperparameter(0.0, scale="linear", low=0.0, high=0.9),
        batch_size(64),
        batch_size(1),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_what_a_form_begins_with_is_a_schedule_that_can_be_set(kind, its, warm):
    form = draft(Standing(its, 600, None, 0))
    schedule = schedule_of(filled(form, kind, warm=warm))
    low, high = schedule.extremes(900)
    assert its.least <= low <= high <= its.most
    begins = schedule(0) if not warm else schedule.arguments["then"](0)
    if kind in {"cosine", "linear", "exponential", "step", "piecewise", "constant"}:
        assert begins == pytest.approx(float(its.value), rel=1e-5)
    if kind in {"cosine", "linear"} and not warm:
        assert schedule(0) != schedule(900)


def test_it_takes_the_steps_that_are_left_or_a_thousand():
    for left, steps in ((600, 600), (None, UNPLANNED), (0, UNPLANNED)):
        assert schedule_of(filled(draft(Standing(hyperparameter(0.1), left, None, 0)), "cosine")).length == steps


def test_a_schedule_that_is_there_is_edited_from_here_to_where_it_would_have_ended():
    now = schedules.warmup(50, schedules.one_cycle(0.3, 200, rise=0.4))
    form = draft(Standing(hyperparameter(0.2), 600, now, 20))
    assert (form["kind"], form["warms_up"]) == ("one_cycle", True)
    again = schedule_of(filled(form, "one_cycle"))
    assert again.arguments == schedules.one_cycle(0.3, 229, rise=0.4).arguments
    assert not draft(Standing(hyperparameter(0.2), 600, now, 60))["warms_up"]
    assert draft(Standing(hyperparameter(0.2), 600, schedules.table([0.2, 0.1]), 0))["kind"] == "cosine"


@pytest.mark.parametrize(
    ("kind", "entries", "words"),
    [
        ("cosine", {"end": "abc"}, "end: “abc” is not a number."),
        ("cosine", {"end": ""}, "end is empty."),
        ("cosine", {"end": "nan"}, "end must be a finite number"),
        ("cosine", {"steps": "2.5"}, "steps must be a whole number, not 2.5."),
        ("cosine", {"steps": "0"}, "steps must be a whole number of at least 1"),
        ("exponential", {"rate": "−1"}, "rate must be above 0"),
        ("piecewise", {"values": "0: 1, x"}, "“x” has no colon"),
        ("piecewise", {"values": "0: 1, 5: y"}, "a value: “y” is not a number."),
        ("piecewise", {"values": "5: 1"}, "step 0 among them"),
        ("piecewise", {"values": "0: 1, 0: 2"}, "Step 0 has two values."),
        ("one_cycle", {"rise": "2"}, "rise must be between 0 and 1"),
        ("table", {}, "no schedule of the kind 'table'"),
        (["cosine"], {}, "no schedule of the kind ['cosine']"),
        ("cosine", "0.1", "no schedule of the kind 'cosine'"),
    ],
)
def test_what_is_wrong_is_told_in_words(kind, entries, words):
    form = draft(Standing(hyperparameter(0.1), 600, None, 0))
    known = isinstance(entries, dict) and isinstance(kind, str) and kind in KINDS
    given = {**filled(form, kind)["entries"], **entries} if known else entries
    with pytest.raises(ScheduleError) as refused:
        schedule_of({"kind": kind, "entries": given, "warmup": None})
    assert words in str(refused.value)


def test_what_is_wrong_with_the_warm_up_says_that_it_is_the_warm_up():
    form = filled(draft(Standing(hyperparameter(0.1), 600, None, 0)), "cosine")
    with pytest.raises(ScheduleError, match="warm-up: steps is empty"):
        schedule_of(form | {"warmup": {"steps": "", "start": "0"}})


def test_down_may_stay_empty_and_a_box_be_ticked():
    form = draft(Standing(hyperparameter(0.1), 600, None, 0))
    assert filled(form, "cyclic")["entries"]["down"] == ""
    assert schedule_of(filled(form, "cyclic")).arguments["down"] == 60
    entries = filled(form, "exponential")["entries"] | {"staircase": True}
    assert schedule_of({"kind": "exponential", "entries": entries, "warmup": None}).arguments["staircase"]


def test_of_many_points_none_is_lost_and_too_many_are_refused():
    values = {at * 10: 0.1 - at / 10_000 for at in range(300)}
    text = ", ".join(f"{at}: {value!r}" for at, value in values.items())
    form = {"kind": "piecewise", "entries": {"values": text}, "warmup": None}
    assert schedule_of(form) == schedules.piecewise(values)
    text += "," * (LONGEST_TEXT + 1 - len(text))
    with pytest.raises(ScheduleError, match="values has 100,001 characters, and 100,000 at most fit"):
        schedule_of(form | {"entries": {"values": text}})
