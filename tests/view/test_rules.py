"""The panel of rules, the marks where they fired, and who governs a slider."""

import pytest
import torch

import retune_widget as rt
from retune_widget.policies import Plateau, Policy
from retune_widget.view import rules_view, trials
from retune_widget.view.rules_view import keys_to_move
from tests.view.conftest import open_page, until
from tests.view.test_charts import redrawn

NEVER_BETTER = {"metric": "val/loss", "min_delta": 100.0, "patience": 2}


def card(view, name):
    return next(its for its in view.rules.rules if its["name"] == name)


def fired_twice(run, view, ask):
    """An evaluation each 8 steps; each one but the first counts as no improvement."""
    run.add_policy(Plateau(**NEVER_BETTER))
    ask(view.toolbar, kind="step", n=40)
    redrawn(view)


def test_a_rule_has_a_card_with_its_state_and_where_it_fired(run, view, ask):
    fired_twice(run, view, ask)
    assert [(its["name"], its["aim"], its["suspended"]) for its in view.rules.rules] == [
        ("NaNGuard", "loss and gradients not finite → pause before the step", None),
        ("Plateau", "val/loss → lr × 0.5", None),
    ]
    assert view.rules.states == {"NaNGuard": "watching", "Plateau": "patience 0/2"}
    assert list(view.rules.fired) == ["Plateau"]
    assert [(its["step"], its["node"]) for its in view.rules.fired["Plateau"]] == [(40, "n2"), (24, "n1")]
    assert view.rules.fired["Plateau"][0]["reason"].startswith("val/loss no better than ")
    assert view.side.tabs.tabs[1] == {"name": "rules", "label": "Rules", "note": "2"}


def test_a_state_that_changes_does_not_send_the_cards_again(run, view, ask, monkeypatch):
    run.add_policy(Plateau("val/loss", patience=9, min_delta=100.0))
    ask(view.toolbar, kind="step", n=8)
    redrawn(view)
    before = len(view.rules.comm.updates())
    monkeypatch.setattr(rules_view, "fired", None)  # what nothing has to be looked up in is not called
    ask(view.toolbar, kind="step", n=8)
    redrawn(view)
    assert [set(its) - {"metrics"} for its in view.rules.comm.updates()[before:]] == [{"states"}]
    assert view.rules.states["Plateau"] == "patience 1/9"
    assert view.error is None


def test_the_tree_and_the_details_name_the_rule_and_its_reason(run, view, ask):
    fired_twice(run, view, ask)
    node = view.tree.nodes[1]
    assert (node["cause"], node["rule"], node["label"]) == ("policy", "Plateau", "Plateau: lr 0.1→0.05")
    assert node["note"].startswith("val/loss no better than ")
    assert ask(view.rules, kind="select", node="n1", tab=None)["ok"]
    assert (view.tree.selected, view.side.tabs.chosen) == ("n1", "node")
    assert (view.details.node["id"], view.details.node["rule"], view.details.node["label"]) == (
        "n1", "Plateau", "Plateau: lr 0.1→0.05",
    )  # fmt: skip
    ask(view.tree, kind="note", node="n1", note="mine")
    assert (view.tree.nodes[1]["label"], view.details.node["label"]) == ("mine", "mine")
    assert "no node 'n9'" in ask(view.rules, kind="select", node="n9", tab=None)["error"]


def test_a_diamond_stands_where_a_rule_fired(run, view, ask):
    fired_twice(run, view, ask)
    fired, tried = view.charts._rules.marks
    assert (list(fired.x), fired.visible, fired.marker, fired.fill) == ([24.0, 40.0], True, "diamond", True)
    assert (tried.visible, tried.marker, tried.fill) == (False, "diamond", False)
    assert fired in view.charts.metric.figure.marks
    _, _, starts, ends, *_ = view.charts.metric.over
    assert "◆ Plateau: lr 0.1→0.05" in [*starts.text, *ends.text]
    ask(view.tree, kind="branch", node="n1", name="other")
    ask(view.toolbar, kind="step", n=1)
    redrawn(view)
    assert list(fired.colors) == [view.tree.branches[0]["colour"]] * 2


def test_a_rule_is_tried_out_and_added_from_the_browser(run, view, ask):
    ask(view.toolbar, kind="step", n=40)
    answer = ask(view.rules, kind="try_rule", rule="Plateau", arguments=NEVER_BETTER)
    assert answer["text"] == "It would have fired 2 times: at step 24 and 40."
    assert view.rules.trial == {"aim": "val/loss → lr × 0.5", "text": answer["text"], "times": 2}
    redrawn(view)
    _, tried = view.charts._rules.marks
    assert (list(tried.x), tried.visible) == ([24.0, 40.0], True)
    assert [its.name for its in run.policies] == ["NaNGuard"]
    added = ask(view.rules, kind="add_rule", rule="Plateau", arguments=NEVER_BETTER)
    assert added["text"] == "Plateau acts from the next step on."
    assert view.rules.trial is None
    assert card(view, "Plateau")["kind"] == "Plateau"
    assert run.policies[1].policy.patience == 2
    redrawn(view)
    assert not tried.visible


def test_marks_of_a_trial_are_forgotten_on_request(run, view, ask):
    ask(view.toolbar, kind="step", n=24)
    ask(view.rules, kind="try_rule", rule="Plateau", arguments=NEVER_BETTER)
    assert ask(view.rules, kind="forget_trial")["ok"]
    redrawn(view)
    assert view.rules.trial is None
    assert not view.charts._rules.marks[1].visible


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "add_rule", "rule": "Plateau", "arguments": {}}, "Plateau needs metric"),
        ({"kind": "try_rule", "rule": "Magic", "arguments": {}}, "There is no rule 'Magic'"),
        ({"kind": "add_rule", "rule": "Divergence", "arguments": {"factor": 0.5}}, "factor must be above 1"),
        ({"kind": "add_rule", "rule": "Plateau", "arguments": "metric"}, "arguments cannot be 'metric'"),
        ({"kind": "suspend_rule", "rule": "Magic"}, "There is no rule 'Magic' in this run"),
        ({"kind": "recover", "how": "lower lr"}, "nothing to recover from"),
        ({"kind": "recover", "how": "magic"}, "There is no way 'magic'"),
    ],
)
def test_what_cannot_be_done_is_answered_in_words(view, ask, content, words):
    answer = ask(view.rules, **content)
    assert not answer["ok"]
    assert words in answer["error"]
    assert view.error is None


def test_a_slider_says_who_governs_it_and_moving_it_suspends_the_rule(run, view, ask):
    run.add_policy(Plateau(**NEVER_BETTER))
    until(lambda: "lr" in view.controls.ruled)
    assert view.controls.ruled == {"lr": [{"rule": "Plateau", "suspended": None, "resumable": True}]}
    ask(view.controls, kind="set", key="lr", value=0.02)
    assert view.controls.ruled["lr"][0]["suspended"] == "lr changed by hand at step 0"
    assert (card(view, "Plateau")["suspended"], card(view, "Plateau")["by_hand"]) == (
        "lr changed by hand at step 0", True,
    )  # fmt: skip
    assert view.side.tabs.tabs[1]["note"] == "2, 1 off"
    assert view.toolbar.status["notices"] == []
    assert ask(view.rules, kind="resume_rule", rule="Plateau")["ok"]
    assert view.controls.ruled["lr"][0]["suspended"] is None
    assert ask(view.controls, kind="suspend_rule", rule="Plateau")["ok"]
    assert run.policies[1].suspended == "it was suspended by hand at step 0"
    assert ask(view.rules, kind="remove_rule", rule="Plateau")["ok"]
    assert view.controls.ruled == {}
    assert [its["name"] for its in view.rules.rules] == ["NaNGuard"]


class Breaks(Policy):
    def update(self, now):
        raise KeyError("oh")


def test_a_rule_that_fails_is_said_below_the_toolbar_too(run, view, ask):
    run.add_policy(Breaks())
    ask(view.toolbar, kind="step", n=1)
    assert view.toolbar.status["notices"] == ["Breaks does not act: it raised KeyError('oh') at step 1."]
    assert not card(view, "Breaks")["by_hand"]


def test_the_names_to_choose_from_are_those_of_the_run(run, view, ask):
    assert view.rules.metrics == ["train/loss"]
    ask(view.toolbar, kind="step", n=8)
    assert view.rules.metrics == ["train/loss", "val/loss", "val/accuracy"]
    assert "lr" in view.rules.keys_to_move
    assert keys_to_move(["body.lr", "head.lr", "body.eps", "batch_size"]) == [
        "lr", "body.lr", "head.lr", "body.eps", "batch_size",
    ]  # fmt: skip


def test_a_trial_in_words():
    marks = [("main", step) for step in range(10, 90, 10)] + [("low lr", 60)]
    assert trials.in_words(["main", "low lr", "other"], marks, 100) == (
        "It would have fired 9 times: on main at step 10, 20, 30, 40, 50, 60, … (8); on low lr at step 60."
    )
    assert trials.in_words(["main"], [("main", 1200)], 2000) == "It would have fired once: at step 1,200."
    assert trials.in_words(["main"], [], 2000) == "It would not have fired in the 2,000 steps so far."


def test_a_run_without_history_says_so(view, ask):
    answer = ask(view.rules, kind="try_rule", rule="Plateau", arguments=NEVER_BETTER)
    assert answer["text"].startswith("Nothing is recorded yet")


def test_a_saved_run_shows_its_rules_and_changes_none(tmp_path, ask):
    model = torch.nn.Linear(4, 2)
    data = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randint(0, 2, (64,)))
    made = rt.Run(
        model, torch.optim.SGD(model.parameters(), lr=0.1), data, loss_fn=torch.nn.functional.cross_entropy,
        batch_size=8, val_data=data, path=tmp_path / "run", policies=[Plateau(**NEVER_BETTER)],
    )  # fmt: skip
    made.step(30)
    made.close()
    saved = rt.open(tmp_path / "run")
    view = saved.view
    open_page(view)
    until(lambda: view.rules.rules, "the rules")
    assert [(its["name"], its["suspended"]) for its in view.rules.rules] == [("Plateau", None)]
    assert [its["step"] for its in view.rules.fired["Plateau"]] == [24]
    assert view.rules.forms == []
    assert "saved run" in ask(view.rules, kind="suspend_rule", rule="Plateau")["error"]
    assert ask(view.rules, kind="select", node="n1", tab="node")["ok"]
    assert view.tree.selected == "n1"
    view.close()


class Silent(Policy):
    """Cannot say what it does."""

    def update(self, _now):
        return None

    @property
    def words(self):
        return self.state["not there"]

    @property
    def aim(self):
        return self.state["not there"]


def test_a_rule_that_raises_when_it_is_looked_at_stops_nobody_from_looking(run, view):
    run.add_policy(Silent())
    view.pump.draw_now()
    assert view.error is None
    assert "its words raised KeyError" in run.policies[-1].state
    assert "its aim raised KeyError" in view.rules.rules[-1]["aim"]
    assert run.problems == []
