"""The forms of the rules follow from the classes."""

import dataclasses

import pytest

from retune_widget.errors import PolicyError
from retune_widget.policies.active import BUILT_IN
from retune_widget.policies.catalogue import forms, make

FORMS = {form.kind: form for form in forms()}
LEAST = {"Plateau": {"metric": "val/loss"}, "EarlyStop": {"metric": "val/loss"}, "Target": {"steps": 10}}


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_form_has_the_arguments_of_the_class_with_its_defaults_and_its_words(kind):
    form, fields = FORMS[kind], dataclasses.fields(BUILT_IN[kind])
    assert [its.name for its in form.arguments] == [its.name for its in fields]
    assert form.summary.endswith(".")
    for argument in form.arguments:
        assert argument.help
        assert "`" not in argument.help
    made = make(kind, LEAST.get(kind, {}))
    for argument in form.arguments:
        if not argument.required and argument.default is not None and argument.name not in LEAST.get(kind, {}):
            assert getattr(made, argument.name) == argument.default


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_rule_says_what_it_watches_and_moves(kind):
    made = make(kind, LEAST.get(kind, {}))
    assert " → " in made.aim
    assert made.metric is None or made.metric in made.aim
    assert all(key in made.aim for key in made.keys)


def test_what_a_form_offers_follows_from_the_annotations():
    kinds = {its.name: its for its in FORMS["EarlyStop"].arguments}
    assert {name: its.kind for name, its in kinds.items()} == {
        "metric": "metric", "patience": "whole", "min_delta": "number", "mode": "choice", "action": "choice",
        "key": "hyperparameter", "factor": "number", "branches": "whole",
    }  # fmt: skip
    assert kinds["action"].choices == ("stop", "pause", "branch")
    assert (kinds["metric"].required, kinds["mode"].required, kinds["mode"].optional) == (True, False, True)
    assert FORMS["Target"].arguments[0].optional
    assert FORMS["NaNGuard"].arguments == ()


def test_what_a_form_sends_becomes_the_rule():
    rule = make("Plateau", {"metric": "val/loss", "factor": 2, "patience": 2.0, "floor": None, "mode": "max"})
    assert (rule.factor, rule.patience, rule.floor, rule.mode, rule.cooldown) == (2.0, 2, None, "max", 0)
    assert type(rule.patience) is int


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("Magic", {}, "There is no rule 'Magic'. There are: Plateau"),
        ("Plateau", {}, "Plateau needs metric: is watched"),
        ("Plateau", {"metric": None}, "Plateau needs metric"),
        ("Plateau", {"metric": "val/loss", "lr": 1}, "Plateau has no argument 'lr'"),
        ("Plateau", {"metric": "val/loss", "patience": 1.5}, "patience must be a whole number, not 1.5"),
        ("Plateau", {"metric": "val/loss", "patience": True}, "patience must be a whole number, not True"),
        ("Plateau", {"metric": "val/loss", "factor": "half"}, "factor must be a number, not 'half'"),
        ("Plateau", {"metric": ["val/loss"]}, "metric must be a name"),
        ("EarlyStop", {"metric": "a", "action": "explode"}, "action must be one of stop, pause, branch"),
        ("Target", {}, "Nothing is asked for"),
        ("Plateau", {"metric": "val/loss", "patience": 10**400}, "a whole number, not a number too large"),
        ("Plateau", {"metric": "val/loss", "factor": -(10**5000)}, "factor must be a number, not a number too large"),
        ("Plateau", {"metric": "val/loss", "factor": float("nan")}, "factor must be a number, not nan"),
        ("Plateau", {"metric": "val/loss", "factor": float("inf")}, "factor must be a number, not inf"),
    ],
)
def test_what_makes_no_rule_is_refused_in_words(kind, arguments, words):
    with pytest.raises((PolicyError, ValueError), match=words):
        make(kind, arguments)
