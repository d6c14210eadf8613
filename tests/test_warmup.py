"""The rule that begins gently: from the very next step, exactly, and gone when it is over."""

import pytest

import retune_widget as rt
from tests.resuming import again, lose, train
from tests.rig import network, running, sgd

GENTLE = [0.01, 0.0325, 0.055, 0.0775, 0.1, 0.1]


def gentle(**options):
    return rt.policies.Warmup(steps=4, **options)


def test_the_first_step_of_a_run_is_gentle_already():
    with running(policies=[gentle()]) as run:
        run.step(6)
        assert run.history.lr.tolist() == pytest.approx(GENTLE)
        assert dict(run.governed) == {}
        assert [(its.step, its.author, its.note) for its in run.tree.nodes[1:]] == [
            (0, "policy:Warmup", "warm-up over 4 steps"),
            (4, "policy:Warmup", "the warm-up is over"),
        ]
        (rule,) = run.policies
        assert (rule.state, rule.fired) == (
            "not warming up", ((0, "warm-up over 4 steps"), (4, "the warm-up is over")),
        )  # fmt: skip
        assert all(run.verify(node) for node in run.tree.nodes[1:])


def test_one_that_is_added_later_begins_at_the_next_step():
    with running(policies=[]) as run:
        run.step(2)
        status = run.add_policy(gentle())
        assert status.state == "warming up until step 6"
        assert status.policy.aim == "the next 4 steps → lr from × 0.1 up"
        run.step(6)
        assert run.history.lr.tolist() == pytest.approx([0.1, 0.1, *GENTLE])


def test_every_group_from_its_own_value():
    model = network()
    groups = [
        {"params": [parameter], "lr": 0.1 * number, "name": f"part{number}"}
        for number, parameter in enumerate(model.parameters(), 1)
    ]
    with running(lambda _: sgd_of(groups), model=model, policies=[gentle()]) as run:
        run.step(6)
        for number in range(1, len(groups) + 1):
            assert run.history[f"part{number}.lr"].tolist() == pytest.approx([number * value for value in GENTLE])


def sgd_of(groups):
    optimizer = sgd(network())
    return type(optimizer)(groups, lr=0.1)


def test_in_a_new_process_it_goes_on_and_ends(tmp_path):
    run = train(tmp_path / "run", policies=[gentle()])
    run.step(2)
    run.checkpoint()
    lose(run)
    run = again(tmp_path / "run", policies=[])
    run.step(4)
    assert run.history.lr.tolist() == pytest.approx([value / 10 for value in GENTLE])
    assert dict(run.governed) == {}
    run.close()


def test_a_hand_on_the_slider_suspends_it_and_the_line_stays_scaled():
    with running(policies=[gentle()]) as run:
        run.step(2)
        run.set(lr=0.11)
        assert "changed by hand" in run.policies[0].suspended
        run.step(4)
        assert run.history.lr.tolist() == pytest.approx([0.01, 0.0325, 0.11, 0.155, 0.2, 0.2])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"schedules": {"lr": rt.schedules.cosine(0.1, 0.0, steps=9)}}, "lr follows a schedule already"),
        ({}, "There is no hyperparameter 'speed'"),
    ],
)
def test_where_it_cannot_it_says_why_and_nothing_changes(options, why):
    key = "lr" if options else "speed"
    with running(policies=[gentle(key=key)], **options) as run:
        before = run.hyperparameters["lr"].value
        assert why in run.policies[0].suspended
        assert any(why in text for text in run.problems)
        run.step(1)
        assert run.history.lr.tolist() == [before]


@pytest.mark.parametrize("options", [{"steps": 0}, {"part": 1.0}, {"part": -0.1}, {"part": float("nan")}])
def test_arguments_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match=r"steps|part"):
        rt.policies.Warmup(**options)


def test_a_dry_run_says_from_where_to_where():
    with running(policies=[]) as run:
        run.step(8)
        found = gentle().dry_run(run.history)
    assert found[["step", "action", "key", "reason"]].to_numpy().tolist() == [
        [0, "schedule", "lr", "warm-up over 4 steps"],
        [4, "schedule", "lr", "the warm-up is over"],
    ]
    assert found.new.iloc[0] == pytest.approx(0.01)
