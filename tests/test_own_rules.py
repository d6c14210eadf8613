"""Rules with something wrong in them: refused where they are added, or suspended with the reason; nothing is lost."""

import numpy as np
import pytest
import torch

import retune_widget as rt
from retune_widget.policies import Action, Plateau, Policy, Times
from tests.resuming import again, train
from tests.rig import network, running


class Mine(Policy):
    """Does at its first step what it was made with."""

    def __init__(self, act, *, state=None, keys=("lr",)):
        self.act, self.first, self.keys = act, state or {}, keys

    def start(self):
        return dict(self.first)

    def update(self, now):
        return self.act(self, now)


def remember(value):
    def act(rule, _now):
        rule.state["seen"] = value

    return act


@pytest.mark.parametrize("value", [np.float32(1), {1, 2}, torch.ones(1), object()], ids=type)
def test_a_state_that_cannot_be_kept_suspends_the_rule_and_no_node_is_lost(tmp_path, value):
    run = train(tmp_path / "run", policies=[Mine(remember(value))])
    run.step(3)
    assert "must be what JSON holds" in run.policies[0].suspended
    node = run.checkpoint("x")
    run.flush()
    assert node.saved
    run.close()
    run = again(tmp_path / "run", policies=[Mine(remember(1))])
    assert (run.head.step, run.tree.nodes[-1].note) == (3, "x")
    assert all("fault" not in problem for problem in run.problems)
    run.close()


def test_a_state_that_begins_so_is_refused():
    with running() as run:
        with pytest.raises(rt.PolicyError, match="must be what JSON holds"):
            run.add_policy(Mine(remember(1), state={"seen": np.float32(1)}))
        assert [rule.name for rule in run.policies] == ["NaNGuard"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Action.pause("x", back_to=-1), "back_to must be a step from 0"),
        (lambda: Action("frob", "x"), "An action is one of set"),
        (lambda: Action.set({"lrr": Times(0.5)}, "x"), "Did you mean lr"),
        (lambda: Action.set({"lrr": 0.5}, "x"), "Did you mean lr"),
    ],
)
def test_an_action_that_cannot_be_done_suspends_it_and_training_goes_on(make, words):
    with running(policies=[Mine(lambda _rule, _now: make())]) as run:
        run.step(3)
        assert run.status == "paused"
        assert words in run.policies[0].suspended
        assert run.head.step == 3


@pytest.mark.parametrize("keys", ["lr", ("lr", 3), ["lr"]])
def test_keys_that_are_no_names_are_refused(keys):
    with running() as run, pytest.raises(rt.PolicyError, match="tuple of names"):
        run.add_policy(Mine(remember(1), keys=keys))


def test_a_key_that_is_not_there_is_refused_at_the_call():
    with running() as run:
        with pytest.raises(rt.UnknownHyperparameterError, match="Did you mean lr"):
            run.add_policy(Plateau("val/loss", "lrr"))
        assert [rule.name for rule in run.policies] == ["NaNGuard"]


def test_another_word_for_a_key_is_refused_with_the_one_to_give():
    model = torch.nn.Sequential(network(), torch.nn.Dropout(0.4))
    with running(model=model) as run, pytest.raises(rt.UnknownHyperparameterError, match="give the rule that key"):
        run.add_policy(Plateau("val/loss", "1.p"))


def test_a_rule_that_was_there_before_its_key_waits_and_says_so():
    with running(policies=[Mine(remember(1), keys=("jitter",))]) as run:
        run.step(1)
        assert any("waits for the hyperparameter 'jitter'" in problem for problem in run.problems)
        run.register("jitter", lambda: 0.5, lambda _value: None, low=0, high=1)
        assert run.problems == []


def test_a_metric_that_was_never_measured_is_said():
    with running(policies=[Plateau("train/los")]) as run:
        assert run.problems == []
        run.step(1)
        (told,) = run.problems
        assert told.startswith("Plateau waits for 'train/los', which was not measured so far. There are: train/loss")
        with pytest.raises(rt.PolicyError, match="There is no 'train/los' in this history"):
            Plateau("train/los").dry_run(run.history)


def test_a_hand_on_one_dropout_suspends_a_rule_on_all_of_them():
    model = torch.nn.Sequential(torch.nn.Dropout(0.1), network(), torch.nn.Dropout(0.5))
    with running(model=model, policies=[Plateau("train/loss", "dropout"), Plateau("train/loss", "0.p")]) as run:
        run.set({"2.p": 0.2})
        assert [rule.suspended is None for rule in run.policies] == [False, True]
        run.resume_policy("Plateau")
        run.set(dropout=0.3)
        assert [rule.suspended is None for rule in run.policies] == [False, False]


def test_two_rules_at_one_boundary_both_say_why():
    class Half(Mine):
        pass

    def to(value, why):
        return lambda _rule, now: Action.set({"lr": value}, why) if now.step == 2 else None

    with running(policies=[Mine(to(0.2, "first")), Half(to(0.3, "second"))]) as run:
        run.step(3)
        node = run.tree.nodes[1]
        assert (node.note, node.changes[0].new) == ("first; second", 0.3)


def test_resuming_a_rule_that_acts_is_no_event():
    with running() as run:
        run.step(1)
        run.resume_policy("NaNGuard")
        assert len(run.tree.nodes) == 1
        assert len(run.changes) == 0


def test_step_trains_so_many_steps_even_if_a_rule_goes_back():
    gone = []

    def back(_rule, now):
        if now.step == 4 and not gone:
            gone.append(now.step)
            return Action.branch(0, {"lr": 0.05}, "again")
        return None

    with running(policies=[Mine(back)]) as run:
        run.step(6)
        assert run.head.step == 2
        assert len(run.history) == 6


@pytest.mark.parametrize(
    "make",
    [
        lambda: Plateau("loss", factor=1), lambda: Plateau("loss", factor=float("inf")),
        lambda: Plateau("loss", factor="x"), lambda: Plateau("loss", floor="a"),
        lambda: Plateau("loss", floor=float("nan")), lambda: Plateau("loss", floor=1.0, ceiling=0.0),
        lambda: Plateau(None), lambda: rt.policies.Target("loss", "x"),
        lambda: rt.policies.Divergence("loss", factor=float("inf")),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match=r"factor|floor|metric|goal"):
        make()


def test_a_whole_number_where_a_float_is_meant_is_multiplied_as_one():
    """torch's own defaults are whole numbers: weight_decay=0, momentum=0; and lr=1 is often written."""
    rule = Mine(lambda _rule, now: Action.set({"lr": Times(0.5)}, "half") if now.step == 2 else None)
    with running(lambda model: torch.optim.SGD(model.parameters(), lr=1), policies=[rule]) as run:
        run.step(3)
        assert run.history["lr"].tolist() == [1.0, 1.0, 0.5]
        weight_decay = run.hyperparameters["weight_decay"].value
        assert (weight_decay, type(weight_decay)) == (0.0, float)


def test_values_that_times_makes_of_whole_numbers_are_whole():
    assert (Times(1.5).of(3), Times(2.0, ceiling=5).of(4), Times(0.5).of(0.3)) == (4, 5, 0.15)
