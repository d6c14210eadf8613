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


THERE = [
    schedules.constant(0.1 + 0.2),
    schedules.step(1 / 3, every=30, factor=0.123456789),
    schedules.exponential(0.1, 0.5, 100),
    schedules.exponential(1e-7 / 3, 0.5, 100, staircase=True),
    schedules.piecewise({0: 0.1, 100: 0.05, 400: 1 / 300}),
    schedules.linear(-0.0, 5e-324, 2**53),
    schedules.cosine(1.7976931348623157e308, 0.0, 1_234_567),
    schedules.one_cycle(2 / 3, 2000, rise=0.1 + 0.2),
    schedules.cyclic(1e-5, 0.123456789, 12_345_678, 7, decay=0.999999999),
]


@pytest.mark.parametrize("now", THERE, ids=str)
@pytest.mark.parametrize("elapsed", [0, 50, 3000])
def test_a_schedule_that_is_there_is_shown_exactly_wherever_it_stands(now, elapsed):
    for front in (None, schedules.warmup(100, now, start=1 / 30)):
        form = draft(Standing(hyperparameter(0.05), 600, front or now, elapsed))
        assert (form["kind"], form["warms_up"]) == (now.kind, front is not None)
        again = schedule_of(filled(form, now.kind, warm=form["warms_up"]))
        assert repr(again) == repr(front or now)


def test_what_stands_in_the_fields_of_a_schedule_that_is_there_is_short():
    form = draft(Standing(hyperparameter(0.05), 600, schedules.piecewise({0: 0.1, 100: 1e-3, 400: 1 / 3}), 50))
    assert filled(form, "piecewise")["entries"] == {"values": "0: 0.1, 100: 1e-3, 400: 0.3333333333333333"}
    form = draft(Standing(hyperparameter(0.05), 600, schedules.warmup(100, schedules.cosine(0.1, 1e-5, 200)), 50))
    assert filled(form, "cosine", warm=True) == {
        "kind": "cosine",
        "entries": {"start": "0.1", "end": "1e-5", "steps": "200"},
        "warmup": {"steps": "100", "start": "0"},
    }
    assert filled(form, "linear")["entries"] == {"start": "0.05", "end": "5e-4", "steps": "250"}


@pytest.mark.parametrize(
    "now",
    [
        schedules.table([0.2, 0.1]),
        schedules.warmup(5, schedules.table([0.2, 0.1])),
        schedules.warmup(5, schedules.warmup(5, schedules.constant(0.1))),
        schedules.piecewise({at: 1 / (at + 3) for at in range(LONGEST_TEXT // 20)}),
    ],
    ids=["table", "table after a warm-up", "two warm-ups", "points beyond count"],
)
def test_what_a_form_cannot_show_is_not_shown_in_part(now):
    form = draft(Standing(hyperparameter(0.2), 600, now, 1))
    assert (form["kind"], form["warms_up"]) == ("cosine", False)
    assert filled(form, "cosine")["entries"]["start"] == "0.2"
    schedule_of(filled(form, "piecewise"))


@pytest.mark.parametrize(
    ("kind", "entries", "words"),
    [
        ("cosine", {"end": "abc"}, "end: “abc” is not a number."),
        ("cosine", {"end": "1,000"}, "end: “1,000” is not a number."),
        ("cosine", {"steps": "10,00"}, "steps: “10,00” is not a number."),
        ("piecewise", {"values": "0: 1,000"}, "“000” has no colon"),
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


def test_steps_are_read_as_they_are_shown():
    cosine = {"start": "0.1", "end": "0", "steps": "1,234,567"}
    assert schedule_of({"kind": "cosine", "entries": cosine, "warmup": None}).length == 1_234_567
    values = {"values": "0: 0.5,100: 0.4, 1,000: 0.3,20,000 : 0.2,100000:1"}
    points = schedule_of({"kind": "piecewise", "entries": values, "warmup": None})
    assert points == schedules.piecewise({0: 0.5, 100: 0.4, 1000: 0.3, 20_000: 0.2, 100_000: 1.0})
