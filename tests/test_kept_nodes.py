"""Which nodes come by themselves, and which of all keep their checkpoint: intervals, the best, the budget."""

import threading

import pytest
import torch

import retune_widget as rt
from retune_widget import keeping
from tests.engine.laboratory import make_run, network
from tests.resuming import lose, train
from tests.rig import PATIENCE, running


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def settle(run):
    """All is saved, and what may go has gone."""
    run.flush()
    run._helm.tidy()
    run.flush()


def statuses(run):
    return {node.step: node.checkpoint.status for node in run.tree.nodes if node.cause == "interval"}


def test_interval_nodes_lose_their_checkpoint_outside_the_window():
    run = make_run(adam, checkpoint_every=2, window=4)
    run.step(13)
    settle(run)
    assert statuses(run) == {2: "evicted", 4: "evicted", 6: "evicted", 8: "evicted", 10: "saved", 12: "saved"}
    run.close()


def test_without_a_window_twenty_interval_nodes_are_kept():
    run = make_run(adam, checkpoint_every=1)
    run.step(30)
    settle(run)
    assert [step for step, status in statuses(run).items() if status == "saved"] == list(range(10, 31))
    run.close()


def test_the_budget_is_kept_to_and_every_node_can_be_restored():
    run = make_run(adam, model=network(64), checkpoint_every=3, budget="300 KB")
    digests = {}
    for lr in (0.02, 0.03, 0.04, 0.05):
        run.step(10)
        run.set(lr=lr)
        run.flush()
        digests |= {node: node.digest for node in run.tree.nodes}
        assert run.disk_use.bytes <= run.disk_use.budget == 300_000
    settle(run)
    status = {node.id: (node.cause, node.checkpoint.status) for node in run.tree.nodes}
    assert [its for its in status.values() if its == ("interval", "evicted")]
    assert {its for its in status.values() if its[0] == "change"} == {("change", "saved")}
    assert run.problems == []
    for node, digest in digests.items():
        run.restore(node)
        assert run.digest() == digest
        run.flush()
        assert run.disk_use.bytes <= 300_000
    run.close()


def test_a_budget_that_cannot_be_kept_to_is_said_and_nothing_more_is_deleted():
    run = make_run(adam, budget=1000)
    for _ in range(3):
        run.step(2)
        run.pin(run.checkpoint())
    settle(run)
    assert [node.checkpoint.status for node in run.tree.nodes] == ["saved"] * 4
    (told,) = run.problems
    assert told.endswith("and the budget is 1 KB: none of those that are left can be freed.")
    run.close()


def held_up(run):
    """Saving waits until the event that this returns is set."""
    go, save = threading.Event(), run._store.save_checkpoint

    def wait(*arguments):
        assert go.wait(PATIENCE)
        return save(*arguments)

    run._store.save_checkpoint = wait
    return go


def test_what_was_still_being_saved_at_the_end_is_freed_by_flush():
    run = make_run(adam, model=network(64), checkpoint_every=3, budget="300 KB", max_steps=60)
    run.flush()
    go = held_up(run)
    run.start()
    run.wait(PATIENCE)
    (told,) = run.problems
    assert told.endswith("and the budget is 300 KB: 20 were still being saved, and may go at the next step or flush().")
    assert not run.flush(0.001)
    go.set()
    assert run.flush(PATIENCE)
    assert run.disk_use.bytes <= 300_000
    assert run.problems == []
    assert (run.status, run.head.step) == ("finished", 60)
    run.close()
    assert run.flush()


def test_a_budget_is_kept_to_by_close_too(tmp_path):
    run = make_run(adam, model=network(64), checkpoint_every=3, budget="300 KB", path=tmp_path / "run")
    run.step(60)
    run.flush()  # a replay has shown that nothing is lost: closing makes none
    go = held_up(run)
    run.step(35)
    go.set()
    run.close()
    assert run.tree.nodes[-1].note == "closed"
    assert sum(file.stat().st_size for file in (tmp_path / "run" / "checkpoints").iterdir()) <= 300_000


def test_the_budget_holds_for_a_run_that_is_resumed(tmp_path):
    run = train(tmp_path / "run", checkpoint_every=1)
    run.step(12)
    lose(run)
    run = train(tmp_path / "run", resume=True, budget="200 KB")
    assert run.disk_use.bytes > 200_000
    run.step(1)
    settle(run)
    assert run.disk_use.bytes <= 200_000
    assert run.problems == []
    run.close()


def test_each_new_best_value_makes_a_node_and_nan_never_does():
    values = iter([3.0, float("nan"), 4.0, 2.0, 2.0, 1.0])
    with running(evaluate=lambda: {"loss": next(values)}, eval_every=2, best="val/loss", checkpoint_every=4) as run:
        run.step(12)
        assert [(node.step, node.cause) for node in run.tree.nodes[1:]] == [
            (2, "best"), (4, "interval"), (8, "best"), (12, "best"),
        ]  # fmt: skip


def test_the_best_of_a_branch_is_the_best_of_its_way():
    values = iter([0.5, 0.9, 0.6, 0.7])
    with running(evaluate=lambda: {"accuracy": next(values)}, eval_every=1, best=("val/accuracy", "max")) as run:
        run.step(2)
        run.branch("n1", lr=0.2)
        run.step(2)
        assert [(node.step, node.branch.name) for node in run.tree.nodes if node.cause == "best"] == [
            (1, "main"), (2, "main"), (2, "lr=0.2 @1"), (3, "lr=0.2 @1"),
        ]  # fmt: skip


def test_a_metric_that_the_evaluation_does_not_give_is_said():
    with running(evaluate=lambda: {"loss": 1.0}, eval_every=1, best="val/los") as run:
        assert run.problems == []
        run.step(1)
        assert run.problems == ["best='val/los': the evaluation gives no such metric, only val/loss."]


@pytest.fixture
def no_time(monkeypatch):
    """Every step is five minutes long."""
    monkeypatch.setattr(keeping, "ROLLING_SECONDS", 0.0)


def step(run, count=1):
    for _ in range(count):
        run.step(1)
        run.flush()


@pytest.mark.usefixtures("no_time")
def test_rolling_nodes_come_by_time_and_the_last_two_that_are_saved_stay(tmp_path):
    run = train(tmp_path / "run")
    step(run, 6)
    assert [(node.step, node.rolling) for node in run.tree.nodes] == [(0, False), (5, True), (6, True)]
    assert run.tree.nodes[1].parent is run.tree.root
    assert len(rt.open(tmp_path / "run").tree.nodes) == 3
    digest = run.digest()
    lose(run)
    run = train(tmp_path / "run", resume=True)
    assert (run.head.step, run.digest()) == (6, digest)
    assert all(run.verify(node) for node in run.tree.nodes[1:])
    run.close()


@pytest.mark.usefixtures("no_time")
def test_a_rolling_node_that_somebody_uses_stays(tmp_path):
    run = train(tmp_path / "run")
    for use in (run.checkpoint, lambda: run.note(run.head.node_id, "here"), lambda: run.pin(run.head.node_id)):
        step(run)
        use()
    step(run)
    run.set(lr=0.5)
    step(run)
    run.restore(run.tree.nodes[-1])
    run.branch(run.head.node_id, lr=0.3, name="side")
    step(run, 3)
    run.restore("n5")
    step(run, 4)
    kept = {(node.step, node.branch.name) for node in run.tree.nodes}
    assert kept >= {(1, "main"), (2, "main"), (3, "main"), (4, "main"), (5, "main")}
    assert len([node for node in run.tree.nodes if node.branch.name == "side" and node.rolling]) == 2
    assert all(run.verify(node) for node in run.tree.nodes[1:])
    run.close()


@pytest.mark.usefixtures("no_time")
def test_a_rolling_node_that_is_pinned_just_before_it_goes_stays(tmp_path, monkeypatch):
    run = train(tmp_path / "run")
    step(run, 2)
    first, children = run.tree.nodes[1], run.tree.children

    def pinned_meanwhile(node):
        run.pin(node)
        return children(node)

    monkeypatch.setattr(run.tree, "children", pinned_meanwhile)
    step(run, 2)
    assert first in run.tree.nodes
    assert (first.pinned, first.rolling) == (True, False)
    run.close()


@pytest.mark.usefixtures("no_time")
def test_rolling_nodes_of_a_loop_of_the_callers_go_too(tmp_path):
    run = train(tmp_path / "run")
    model, optimizer = run._engine.live.models["model"], run._engine.live.optimizers["optimizer"]
    for number, (inputs, targets) in enumerate(run.batches()):
        run.flush()
        if number == 6:
            break
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    step(run)
    assert [(node.step, node.origin) for node in run.tree.nodes] == [(0, "trained"), (6, "edited"), (7, "trained")]
    step(run, 2)
    assert [(node.step, node.origin) for node in run.tree.nodes] == [(0, "trained"), (8, "edited"), (9, "trained")]
    assert run.verify(run.tree.nodes[2])
    run.close()


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("options", [{"checkpoint_every": 0}, {"checkpoint_every": 9}, {"path": ":memory:"}])
def test_no_rolling_nodes_where_they_are_not_wanted_or_of_no_use(options, tmp_path):
    run = train(**{"path": tmp_path / "run", **options})
    step(run, 3)
    assert len(run.tree.nodes) == 1
    run.close()


def test_rolling_nodes_come_about_every_five_minutes(tmp_path, monkeypatch):
    run = train(tmp_path / "run")
    now = [0.0]
    monkeypatch.setattr(run._helm.recorder.clock, "elapsed", lambda: now[0])
    for seconds in (299, 300, 310, 599, 600):
        now[0] = float(seconds)
        step(run)
    assert [node.step for node in run.tree.nodes] == [0, 2, 5]
    run.close()


def test_below_the_budget_no_sizes_are_read(monkeypatch):
    run = make_run(adam, checkpoint_every=1, window=1000, budget="1 GB")
    monkeypatch.setattr(run._writer, "pieces", lambda: pytest.fail("the sizes were read"))
    run.step(5)
    run.flush()
    run.close()
