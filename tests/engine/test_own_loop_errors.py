"""A loop of the person's own that ends with an error or an interrupt, in its body or elsewhere."""

import pytest

from tests.engine.loops import Loop
from tests.rig import batches


def test_an_error_in_the_body_leaves_a_run_that_can_go_on():
    loop = Loop()
    with loop.running() as run:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the loop is the subject
            for batch in run.batches():
                loop.train(batch)
                if run.head.step == 2:
                    _ = 1 / 0
        assert (run.status, run.head.step) == ("paused", 3)
        for batch in run.batches():
            loop.train(batch)
            break
        assert run.head.step == 4


def fails(run, loop, error):
    for batch in run.batches():
        loop.train(batch)
        raise error


def test_the_notebook_tells_of_an_error_in_the_body():
    loop, error = Loop(), ValueError("the body's")
    with loop.running() as run:
        with pytest.raises(ValueError, match="the body's") as caught:
            fails(run, loop, error)
        run._runner.loop_broke(caught.value)
        assert (run.status, run.error) == ("failed", error)
        with pytest.raises(ValueError, match="the body's"):
            run.wait()
        run.restore(run.tree.root)
        assert (run.status, run.error) == ("paused", None)


def breaks_then_fails(run, loop):
    for batch in run.batches():
        loop.train(batch)
        break
    raise ValueError("later")


def test_an_error_after_the_loop_is_not_the_runs():
    loop = Loop()
    with loop.running() as run:
        with pytest.raises(ValueError, match="later") as caught:
            breaks_then_fails(run, loop)
        run._runner.loop_broke(caught.value)
        assert (run.status, run.error) == ("paused", None)


@pytest.mark.parametrize(("error", "status"), [(ValueError("x"), "failed"), (KeyboardInterrupt(), "paused")])
def test_a_loop_that_a_variable_keeps_alive_ends_when_it_is_told(error, status):
    loop = Loop()
    with loop.running() as run:
        kept = run.batches()
        with pytest.raises(type(error)):  # noqa: PT012  # the loop is the subject
            for batch in kept:
                loop.train(batch)
                raise error
        assert run.status == "running"
        run._runner.loop_broke(error)
        assert (run.status, run.head.step) == (status, 1)
        assert run.set(lr=0.5).used_from == 2
        kept.close()
        assert run.status == status if status == "paused" else True


def test_an_interrupt_in_the_body_pauses_it():
    loop = Loop()
    with loop.running() as run:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            for _ in run.batches():
                raise KeyboardInterrupt
        assert (run.status, run.head.step, run.error) == ("paused", 0, None)


def test_an_error_of_the_data_is_raised_in_the_loop_and_fails_the_run():
    loop = Loop()

    def data():
        yield from batches(2)
        raise OSError("the disk is gone")

    with loop.running(data=data()) as run:
        with pytest.raises(OSError, match="the disk is gone"):  # noqa: PT012
            for batch in run.batches():
                loop.train(batch)
        assert run.status == "failed"
        assert "the disk is gone" in str(run.error)


def test_an_error_of_the_evaluation_after_a_break_is_kept():
    loop = Loop()

    def evaluate():
        raise ValueError("no data to evaluate on")

    with loop.running(evaluate=evaluate, eval_every=1) as run:
        for batch in run.batches():
            loop.train(batch)
            break
        assert (run.status, run.head.step) == ("failed", 1)
        with pytest.raises(ValueError, match="no data to evaluate on"):
            run.wait()
