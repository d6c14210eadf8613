"""Rules that act on a run: nodes, notes, journal, suspension; restored, resumed, and trained again."""

from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retune_widget as rt
from retune_widget.policies import Action, EarlyStop, NaNGuard, Overfit, Plateau, Policy, Target
from tests.curves import BUMPY, measured
from tests.engine.laboratory import make_run
from tests.resuming import again, evict, lose, train
from tests.rig import batches, cross_entropy, network, sgd


def fired(run, name="Plateau"):
    return [step for its in run.policies if its.name == name for step, _ in its.fired]


def rows(run):
    return run.changes[["step", "key", "new", "author"]].to_numpy().tolist()


def test_what_a_rule_does_is_a_node_and_a_change_with_its_name_and_its_reason():
    with measured(BUMPY, Plateau("val/loss", patience=2)) as run:
        run.step(10)
        (node,) = run.tree.nodes[1:]
        assert (node.step, node.cause, node.author, run.hyperparameters["lr"].value) == (
            8,
            "policy",
            "policy:Plateau",
            0.05,
        )
        assert node.note == "val/loss no better than 0.9 for 2 measurements: lr × 0.5"
        assert rows(run) == [[8, "lr", 0.05, "policy:Plateau"]]
        (status,) = run.policies
        assert (status.state, status.active, fired(run)) == ("patience 0/2", True, [8])
        assert run.history["lr"].tolist() == [0.1] * 8 + [0.05] * 2


def test_a_change_by_hand_of_what_a_rule_governs_suspends_it_until_it_is_resumed():
    with measured(BUMPY, Plateau("val/loss", patience=2)) as run:
        run.step(4)
        run.set(momentum=0.5)
        assert run.policies[0].active
        run.set(lr=0.2)
        assert run.policies[0].suspended == "lr changed by hand at step 4"
        assert run.problems == ["Plateau does not act: lr changed by hand at step 4."]
        run.step(8)
        assert fired(run) == []
        run.resume_policy("Plateau")
        assert run.problems == []
        run.step(6)
        assert fired(run) == [18]
        assert [row for row in rows(run) if row[1] == "policy:Plateau"] == [
            [4, "policy:Plateau", "suspended", "user"], [12, "policy:Plateau", "resumed", "user"],
        ]  # fmt: skip


def test_rules_come_and_go_and_a_restore_brings_back_those_of_the_node():
    with measured(BUMPY) as run:
        run.step(2)
        before = run.checkpoint()
        rule = Plateau("val/loss", patience=2)
        assert run.add_policy(rule).name == "Plateau"
        run.step(2)
        assert run.add_policy(Plateau("val/loss"), "slow").name == "slow"
        run.suspend_policy(rule, "not yet")
        assert [(its.name, its.suspended) for its in run.policies] == [("Plateau", "not yet"), ("slow", None)]
        run.step(2)
        both = run.checkpoint()
        run.remove_policy("slow")
        run.step(1)
        assert [its.name for its in run.policies] == ["Plateau"]
        run.restore(both)
        assert [(its.name, its.suspended) for its in run.policies] == [("Plateau", "not yet"), ("slow", None)]
        run.restore(before)
        assert run.policies == ()
        with pytest.raises(rt.PolicyError, match=r"There is no rule 'slow' in this run. There are: none"):
            run.resume_policy("slow")
        assert [row[2] for row in rows(run)] == ["added", "added", "suspended", "removed"]


@pytest.mark.parametrize("wrong", ["Plateau", Plateau, object()])
def test_what_is_no_rule_is_refused(wrong):
    with measured(BUMPY) as run, pytest.raises(rt.PolicyError, match="is no rule"):
        run.add_policy(wrong)


def test_a_rule_acts_in_one_place_of_a_run_only():
    rule = Plateau("val/loss")
    with measured(BUMPY, rule) as run:
        with pytest.raises(rt.PolicyError, match="is a rule of this run already"):
            run.add_policy(rule)
        with pytest.raises(rt.PolicyError, match="is or was called 'Plateau'"):
            run.add_policy(Plateau("val/loss"), "Plateau")
        assert run.add_policy(Plateau("val/loss")).name == "Plateau (2)"


class Broken(Policy):
    metric, keys = "val/loss", ("lr",)

    def update(self, now):
        if now.step == 4:
            raise KeyError("oh")
        return Action.set({"lr": -1.0}, "down") if now.step == 6 else None


def test_a_rule_that_raises_or_wants_what_is_refused_is_suspended_and_training_goes_on():
    with measured(BUMPY, Broken()) as run:
        run.step(8)
        assert run.problems == ["Broken does not act: it raised KeyError('oh') at step 4."]
        run.resume_policy("Broken")
        run.restore(run.tree.root)
        run.step(5)
        run.resume_policy("Broken")
        run.step(3)
        (told,) = run.problems
        assert told.startswith("Broken does not act: it could not do what it wanted: SGD refuses it")
        assert (run.head.step, run.hyperparameters["lr"].value) == (8, 0.1)


def test_early_stop_ends_on_the_best_node():
    with measured(BUMPY, EarlyStop("val/loss", patience=5)) as run:
        run.step(30)
        assert run.status == "finished"
        assert (run.head.step, run.tree.node(run.head.node_id).cause) == (20, "best")
        (told,) = run.problems
        reason = "val/loss no better than 0.7 of step 20, 5 times in a row"
        assert told == f"EarlyStop at step 30: {reason}. The run went back to {run.head.node_id} at step 20."
        assert [its.step for its in run.tree.nodes if its.cause == "best"] == [2, 4, 10, 20]


def test_early_stop_branches_from_the_best_node_and_goes_on_by_itself():
    with measured([1.0, *[2.0] * 20], EarlyStop("val/loss", patience=2, action="branch", branches=2)) as run:
        run.step(14)  # 6, back to 2, 4 more, and once more
        assert [(its.name, its.fork_step) for its in run.tree.branches] == [
            ("main", 0), ("lr=0.01 @2", 2), ("lr=1e-3 @2", 2),
        ]  # fmt: skip
        assert (run.status, run.head.branch, run.head.step) == ("finished", "main", 2)
        assert [its.author for its in run.tree.nodes if its.changes] == ["policy:EarlyStop"] * 2
        assert run.history.groupby("branch", observed=True)["step"].max().tolist() == [6, 6, 6]


def test_a_target_pauses():
    with measured(BUMPY, Target("val/loss", 0.8), Target(steps=15)) as run:
        run.start()
        run.wait(30)
        assert (run.status, run.head.step) == ("paused", 10)
        assert run.problems[0].startswith("Target at step 10: the goal is reached: val/loss 0.8 at step 10")
        run.start()
        run.wait(30)
        assert (run.head.step, run.policies[1].state) == (15, "the budget of 15 steps is spent")


def test_rules_act_in_a_loop_of_ones_own():
    model = network()
    optimizer = sgd(model)
    rule = Plateau("train/loss", patience=2)
    run = rt.Run(model, optimizer, batches(), path=":memory:", policies=[rule])
    for step, (x, y) in enumerate(run.batches()):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
        run.log(loss=1.0)
        if step == 4:
            break
    assert (fired(run), optimizer.param_groups[0]["lr"]) == ([3, 5], 0.025)
    run.close()


def test_dry_run_says_what_happened():
    with measured(BUMPY, Plateau("val/loss", patience=2, cooldown=1)) as run:
        run.step(30)
        found = Plateau("val/loss", patience=2, cooldown=1).dry_run(run.history)
        happened = run.changes[["step", "key", "old", "new"]]
        assert found[["step", "key", "old", "new"]].to_numpy().tolist() == happened.to_numpy().tolist()
        assert len(found) > 1


def overfit(patience=2, cooldown=1):
    return Overfit(patience=patience, cooldown=cooldown, floor=1e-3, ceiling=0.1, rate=1e-4, window=2)


RISING = [0.5, 0.5, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4]


@pytest.mark.parametrize(
    ("rule", "curve", "expected"),
    [(Plateau("val/loss", patience=2), BUMPY, [8, 14, 18]), (overfit(), RISING, [10, 14, 18])],
)
def test_a_restored_rule_fires_at_the_same_steps_again(rule, curve, expected):
    name, at = type(rule).__name__, expected[0] - 1
    with measured(curve, rule) as run:
        run.step(at)
        node, words = run.checkpoint(), run.policies[0].state
        run.step(18 - at)
        digest, first = run.digest(), fired(run, name)
        assert run.policies[0].state != words
        run.restore(node)
        assert run.policies[0].state == words
        run.step(18 - at)
        assert (run.digest(), fired(run, name)) == (digest, first)
        assert first == expected


def test_nodes_that_a_rule_made_are_verified_evicted_and_trained_again():
    """The journal has what the rule did: it does not act in a replay, and its state is the node's own."""
    losses = iter(range(1000))
    run = make_run(
        lambda p: torch.optim.Adam(p, lr=0.01), eval_every=2, evaluate=lambda: {"val/loss": 1.0 + next(losses)},
        policies=[Plateau("val/loss", patience=2, cooldown=1)],
    )  # fmt: skip
    run.step(25)
    last = run.checkpoint()
    run.step(1)
    run.checkpoint()
    run.flush()
    assert len(fired(run)) > 2
    for node in run.tree.nodes[1:]:
        assert run.verify(node)
    states = {node.id: (node.digest, node.policies) for node in run.tree.nodes}
    evict(run, *[node.id for node in run.tree.nodes[1:-1]])
    for node in reversed(run.tree.nodes[1:]):
        run.restore(node)
        assert (run.digest(), run._helm.policies.record()) == states[node.id]
    assert last.policies[0]["state"]["best"] == 1.0
    run.close()


@pytest.mark.parametrize("lost", [False, True])
def test_a_resumed_run_has_its_rules_with_their_state(tmp_path, lost):
    rules = [Plateau("train/loss", patience=1000), Broken(), NaNGuard()]
    run = train(tmp_path / "run", policies=rules)
    run.step(5)
    run.checkpoint()
    run.suspend_policy("Plateau", "later")
    state = run._helm.policies.record()
    (lose if lost else rt.Run.close)(run)
    resumed = again(tmp_path / "run")
    plateau, broken, guard = resumed.policies
    assert plateau.suspended == "later"
    assert (plateau.state, guard.active) == (f"patience {state[0]['state']['bad']}/1000", True)
    assert broken.suspended == "its code was not given in this process: call add_policy() with it"
    with pytest.raises(rt.StatusError, match="cannot be resumed"):
        resumed.resume_policy("Broken")
    resumed.add_policy(Broken())
    resumed.resume_policy("Plateau")
    assert [its.name for its in resumed.policies] == ["Plateau", "Broken", "NaNGuard"]
    resumed.step(1)
    resumed.close()
    resumed = again(tmp_path / "run", policies=[Broken()])
    assert [its.active for its in resumed.policies] == [True, True, True]
    resumed.close()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["Plateau", "Overfit"]),
    st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0]), min_size=4, max_size=14),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 12),
)
def test_live_dry_run_and_restored_agree(kind, curve, patience, cooldown, at):
    def rule():
        if kind == "Overfit":
            return overfit(patience, cooldown)
        return Plateau("val/loss", patience=patience, cooldown=cooldown, floor=0.01)

    with measured(curve, rule(), every=1) as run:
        run.step(at)
        node = run.checkpoint()
        run.step(14)
        live, digest = fired(run, kind), run.digest()
        assert rule().dry_run(run.history)["step"].tolist() == live
        apart = patience + cooldown if kind == "Plateau" else cooldown + 1
        assert all(later - earlier >= apart for earlier, later in pairwise(live))
        run.restore(node)
        run.step(14)
        assert (fired(run, kind), run.digest()) == (live, digest)


def test_a_rule_added_after_an_undo_stands_on_the_new_branch_alone():
    with measured(BUMPY) as run:
        run.set(lr=0.2)
        run.undo()
        run.add_policy(Plateau("val/loss"))
        run.set(lr=0.3)
        root, first, second = run.tree.nodes
        assert (root.changes, root.policies_after, first.branch.name) == ((), None, "main")
        assert [(its.key, its.new) for its in second.changes] == [("lr", 0.3)]
        assert second.branch.name == run.head.branch != "main"
        assert [its["name"] for its in second.policies_after] == ["Plateau"]
        assert second.policies == []
