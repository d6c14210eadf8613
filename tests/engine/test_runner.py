"""Start, pause, step, stop, wait, close: from any thread, at any moment."""

import threading
from pathlib import Path

import pytest

import retune_widget as rt
from retune_widget.engine import commands
from tests.rig import PATIENCE, Gate, in_thread, network, parameters, result_of, running, same

ROOT = Path(__file__).resolve().parents[2]


def test_the_way_of_the_status():
    with running(max_steps=10) as run:
        assert run.status == "ready"
        run.step(4)
        assert (run.status, run.head.step) == ("paused", 4)
        run.start()
        run.wait(PATIENCE)
        assert (run.status, run.head.step) == ("finished", 10)
        assert str(run.status) == "finished"


def test_step_trains_exactly_that_many():
    with running() as run:
        for count in (1, 7, 3):
            run.step(count)
        assert run.head.step == 11
        assert run.history.step.tolist() == list(range(1, 12))


def test_pause_takes_effect_at_the_boundary_and_start_goes_on():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        run.pause()
        assert run.status == "running"
        gate.let()
        run.wait(PATIENCE)
        assert (run.status, run.head.step) == ("paused", 1)
        run.start()
        gate.entered()
        assert run.status == "running"
        run.stop()
        gate.let()
        run.wait(PATIENCE)
        assert (run.status, run.head.step) == ("finished", 2)


def test_wait_gives_up_in_time():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        with pytest.raises(TimeoutError, match=r"still running after 0.01 s"):
            run.wait(0.01)
        run.pause()
        gate.let()


def test_wait_returns_at_once_where_nothing_runs():
    with running() as run:
        run.wait(0)
        run.step()
        run.wait(0)


def test_the_end_is_a_node_once():
    with running(max_steps=3) as run:
        run.start()
        run.wait(PATIENCE)
        for _ in range(2):
            run._runner.submit(commands.Stop()).result(PATIENCE)
        assert [(node.step, node.cause, node.note) for node in run.tree.nodes] == [
            (0, "start", ""), (3, "interval", "end"),
        ]  # fmt: skip


def test_the_end_does_not_take_away_a_note():
    with running() as run:
        run.step(2)
        node = run.checkpoint("the one to keep")
        run._runner.submit(commands.Stop()).result(PATIENCE)
        assert run.status == "finished"
        assert (len(run.tree.nodes), node.note) == (2, "the one to keep")


def test_start_after_the_planned_end():
    with running(max_steps=3) as run:
        run.step(5)  # ends at the planned end
        assert (run.status, run.head.step) == ("finished", 3)
        for train_on in (run.start, run.step):
            with pytest.raises(rt.StatusError, match=r"All 3 planned steps are done. Restore an earlier node"):
                train_on()
        run.max_steps = 6
        run.start()
        run.wait(PATIENCE)
        assert run.head.step == 6
        run.max_steps = None
        run.step(2)
        assert run.head.step == 8


def test_fewer_planned_steps_end_it_while_it_runs():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        run.max_steps = 1
        gate.let()
        run.wait(PATIENCE)
        assert (run.status, run.head.step) == ("finished", 1)


def test_epochs_are_the_planned_length_too():
    with running(epochs=3, max_steps=100) as run:
        assert run.max_steps == 12
        run.start()
        run.wait(PATIENCE)
        assert (run.head.step, run.head.epoch) == (12, 3)


def test_steps_asked_for_from_two_threads_add_up():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        first = in_thread(run.step, 2)
        gate.entered()
        second = run._runner.submit(commands.TrainSteps(3))
        gate.let(2)
        result_of(first)
        gate.let(3)
        second.result(PATIENCE)
        assert (run.status, run.head.step) == ("paused", 5)


def test_start_while_steps_are_counted_trains_on_but_answers_in_time():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        counted = in_thread(run.step, 2)
        gate.entered()
        run._runner.submit(commands.Start())
        gate.let(2)
        result_of(counted)
        assert run.status == "running"
        gate.let_all()
        run.pause()
        run.wait(PATIENCE)
        assert run.head.step >= 2


def test_a_pause_ends_the_counting():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        counted = in_thread(run.step, 100)
        gate.entered()
        run.pause()
        gate.let()
        result_of(counted)
        assert (run.status, run.head.step) == ("paused", 1)


def test_commands_of_many_threads_while_it_trains_are_all_answered_in_the_order_of_each_thread():
    with running(model=network()) as run:
        run.start()
        threads, each = 4, 400
        answers = [[] for _ in range(threads)]

        def send(mine):
            for number in range(each):
                mine.append(run._runner.submit(commands.SetHyperparameters({"weight_decay": number / each})))

        senders = [in_thread(send, mine) for mine in answers]
        for sender in senders:
            result_of(sender)
        run.pause()
        run.wait(PATIENCE)
        changes = [[answer.result(PATIENCE) for answer in mine] for mine in answers]
        assert all(len(mine) == each for mine in changes)
        for mine in changes:
            steps = [change.step for change in mine]
            assert steps == sorted(steps)
        recorded = run.changes
        assert len(recorded) == sum(len(change.values) for mine in changes for change in mine)
        news, olds = recorded.new.tolist(), recorded.old.tolist()
        assert olds[1:] == news[:-1]  # no change is lost and none is applied twice


def test_commands_of_many_threads_while_nobody_trains():
    with running() as run:
        run.step()
        answers = [in_thread(lambda: [run.set(weight_decay=i / 1000).step for i in range(200)]) for _ in range(4)]
        assert all(result_of(answer) == [1] * 200 for answer in answers)
        assert run.changes.old.tolist()[1:] == run.changes.new.tolist()[:-1]
        assert len(run.tree.nodes) == 2  # one boundary, one node


def test_no_lock_is_held_while_the_users_code_runs():
    with running() as run:
        entered, leave = threading.Event(), threading.Event()

        def slow(_value):
            entered.set()
            assert leave.wait(PATIENCE)

        run.register("own", lambda: 0.5, slow)
        setting = in_thread(lambda: run.set(own=0.6))
        assert entered.wait(PATIENCE)
        answer = result_of(in_thread(run._runner.submit, commands.TakeCheckpoint()))
        assert run.status == "ready"
        assert not answer.done()
        leave.set()
        result_of(setting)
        assert answer.result(PATIENCE).cause in {"start", "manual", "change"}


def test_a_start_behind_other_commands_hands_over_to_the_training_thread():
    with running() as run:
        entered, leave = threading.Event(), threading.Event()

        def slow(_value):
            entered.set()
            assert leave.wait(PATIENCE)

        run.register("own", lambda: 0.5, slow)
        setting = in_thread(lambda: run.set(own=0.6))
        assert entered.wait(PATIENCE)
        runner = run._runner
        answers = [runner.submit(command) for command in (
            commands.TrainSteps(3), commands.SetHyperparameters({"lr": 0.5}), commands.TrainSteps(2),
        )]  # fmt: skip
        leave.set()
        result_of(setting)
        for answer in answers:
            answer.result(PATIENCE)
        assert run.head.step == 5
        assert run.changes.key.tolist() == ["own", "lr"]
        assert run.history.lr.iloc[-1] == 0.5


def test_an_answer_that_was_cancelled_is_not_carried_out():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        answer = run._runner.submit(commands.SetHyperparameters({"lr": 0.5}))
        assert answer.cancel()
        run.pause()
        gate.let()
        run.wait(PATIENCE)
        assert run.hyperparameters["lr"].value == 0.1


def test_two_runs_at_once_do_not_mix():
    one, other, alone = network(), network(), network()
    with running(model=alone) as run:
        run.step(50)
    with running(model=one) as first, running(model=other) as second:
        steps = [in_thread(run.step, 50) for run in (first, second)]
        for step in steps:
            result_of(step)
        assert (first.head.step, second.head.step) == (50, 50)
        assert same(parameters(one), parameters(alone))
        assert same(parameters(other), parameters(alone))
