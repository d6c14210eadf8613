"""Commands take effect at the next step boundary, wherever they are sent from."""

import pytest

import retune_widget as rt
from retune_widget.engine.answer import Answer
from tests.rig import PATIENCE, Gate, in_thread, network, result_of, running, sgd


def used(run):
    return dict(zip(run.history.step, run.history.lr, strict=True))


def test_a_change_while_paused_applies_at_once():
    with running() as run:
        run.step(2)
        change = run.set(lr=0.5)
        assert run.hyperparameters["lr"].value == 0.5
        assert change.used_from == 3
        run.step(2)
        assert used(run) == {1: 0.1, 2: 0.1, 3: 0.5, 4: 0.5}


def test_a_change_while_it_trains_is_used_by_the_very_next_step():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        for lr in (0.5, 0.25):
            gate.entered()
            setting = in_thread(lambda lr=lr: run.set(lr=lr))
            with run._runner._changed:
                assert run._runner._changed.wait_for(lambda: run._runner._inbox.waiting, PATIENCE)
            assert run.hyperparameters["lr"].value != lr
            gate.let()
            change = result_of(setting)
            assert change.used_from == change.step + 1
        gate.entered()
        run.pause()
        gate.let()
        run.wait(PATIENCE)
        assert gate.seen == [0.1, 0.5, 0.25]
        assert list(used(run).values()) == gate.seen


def test_the_recorded_step_is_the_step_that_used_it_in_free_running():
    model, really = network(), []
    optimizer = sgd(model)
    optimizer.register_step_pre_hook(lambda its, *_: really.append(its.param_groups[0]["lr"]))
    with running(lambda _: optimizer, model=model) as run:
        run.start()
        changes = [run.set(lr=0.1 + number / 1000) for number in range(1, 200)]
        run.pause()
        run.wait(PATIENCE)
        run.step()
        assert run.history.lr.tolist() == really
        for change, later in zip(changes, [*changes[1:], None], strict=True):
            if later is None or later.used_from > change.used_from:
                assert really[change.used_from - 1] == change.values[0].new


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.set(lr=0.5),
        lambda run: run.checkpoint("inside"),
        lambda run: run.branch(run.tree.root, lr=0.5, name="inside"),
        lambda run: run.restore(run.tree.root),
    ],
)
def test_a_call_from_inside_a_step_gives_an_answer_and_takes_effect_after_it(call):
    model, answers = network(), []
    optimizer = sgd(model)

    def step(_batch):
        optimizer.step()
        if run.head.step == 2 and not answers:
            answers.append(call(run))
            assert isinstance(answers[0], Answer)
            assert "takes effect at the next step boundary" in repr(answers[0])
            with pytest.raises(rt.StatusError, match="its result is there after it"):
                answers[0].result()
            assert len(run.tree.nodes) == 1

    with running(lambda _: optimizer, model=model, step=step) as run:
        run.step(4)
        result = answers[0].result(PATIENCE)
        assert isinstance(result, rt.Change | rt.Node | rt.Branch)
        assert "done" in repr(answers[0])


def test_every_call_from_inside_a_step_comes_back():
    model, done = network(), []
    optimizer = sgd(model)

    def step(_batch):
        optimizer.step()
        if not done:
            for call in (run.pause, run.start, run.undo, run.step, run.stop, lambda: run.delete_branch("main")):
                call()
            with pytest.raises(rt.StatusError, match=r"wait\(\) in the training loop would wait for itself"):
                run.wait()
            with pytest.raises(rt.StatusError, match="The run is training already"):
                next(run.batches())
            done.append(True)

    with running(lambda _: optimizer, model=model, step=step) as run:
        run.start()
        with run._runner._changed:  # wait() may come back in between: it is paused for a moment
            assert run._runner._changed.wait_for(lambda: run.status == "finished", PATIENCE)
        assert (run.head.step, done) == (1, [True])


def test_a_bad_value_from_inside_a_step_is_in_the_answer_and_training_goes_on():
    model, answers = network(), []
    optimizer = sgd(model)

    def step(_batch):
        optimizer.step()
        if not answers:
            answers.append(run.set(lr=-1.0))

    with running(lambda _: optimizer, model=model, step=step) as run:
        run.step(3)
        assert run.head.step == 3
        with pytest.raises(rt.HyperparameterError, match="Invalid learning rate"):
            answers[0].result()


def test_log_belongs_into_a_step():
    with running() as run:
        with pytest.raises(rt.StatusError, match="belongs inside a step"):
            run.log(loss=1.0)
        assert "train/loss" not in run.history.columns


def test_log_from_another_thread_is_refused_while_a_step_is_trained():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        with pytest.raises(rt.StatusError, match="belongs inside a step"):
            run.log(loss=1.0)
        run.pause()
        gate.let()


def test_metrics_logged_in_a_step_stand_beside_those_it_returns():
    model = network()
    optimizer = sgd(model)

    def step(_batch):
        optimizer.step()
        run.log({"val/accuracy": 0.5}, norm=2)
        return {"loss": 1.0}

    with running(lambda _: optimizer, model=model, step=step) as run:
        run.step(2)
        row = run.history.iloc[-1]
        assert (row["train/loss"], row["val/accuracy"], row["train/norm"]) == (1.0, 0.5, 2.0)


def test_restore_while_it_trains_pauses_there():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        restoring = in_thread(run.restore, run.tree.root)
        with run._runner._changed:
            assert run._runner._changed.wait_for(lambda: run._runner._inbox.waiting, PATIENCE)
        gate.let()
        result_of(restoring)
        run.wait(PATIENCE)
        assert (run.status, run.head.step) == ("paused", 0)
