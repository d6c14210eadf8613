"""A loop of the person's own over `run.batches()`: blocking, steered from other threads, left in every way."""

import pytest
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.rig import PATIENCE, batches, in_thread, network, parameters, result_of, running, same, sgd


class Loop:
    """A model with its optimizer and the usual body of a loop."""

    def __init__(self, **options):
        self.model = network()
        self.optimizer = sgd(self.model, **options)

    def running(self, **options):
        return running(lambda _: self.optimizer, model=self.model, bare=True, **options)

    def train(self, batch):
        inputs, targets = batch
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(inputs), targets)
        loss.backward()
        self.optimizer.step()
        return loss


def test_it_trains_as_the_built_in_step_does():
    loop, twin = Loop(momentum=0.9), network()
    with loop.running(max_steps=6) as run, running(lambda model: sgd(model, momentum=0.9), model=twin) as built_in:
        for batch in run.batches():
            run.log(loss=loop.train(batch))
        built_in.step(6)
        assert (run.status, run.head.step) == ("finished", 6)
        assert same(parameters(loop.model), parameters(twin))
        assert run.history["train/loss"].tolist() == built_in.history["train/loss"].tolist()


def test_break_after_the_optimizers_step_counts_it_and_before_does_not():
    loop = Loop()
    with loop.running() as run:
        for batch in run.batches():
            run.log(loss=loop.train(batch))
            if run.head.step == 2:
                break
        assert (run.status, run.head.step) == ("paused", 3)
        assert run.history["train/loss"].notna().tolist() == [True] * 3
        first = None
        for batch in run.batches():
            first = batch
            break
        assert (run.status, run.head.step) == ("paused", 3)
        for batch in run.batches():
            assert batch is first  # the same batch comes again
            loop.train(batch)
            break
        assert run.head.step == 4
        assert run.checkpoint().exact


def test_pause_blocks_it_and_another_thread_steers_and_resumes_it():
    loop, seen = Loop(), []
    with loop.running(max_steps=6) as run:

        def train():
            for batch in run.batches():
                loop.train(batch)
                seen.append(loop.optimizer.param_groups[0]["lr"])
                if len(seen) == 3:
                    run.pause()

        training = in_thread(train)
        with run._runner._changed:
            assert run._runner._changed.wait_for(lambda: run.status == "paused", PATIENCE)
        assert run.head.step == 3
        node = run.checkpoint("here")
        assert run.set(lr=0.5).used_from == 4
        assert run.branch(node, lr=0.25, name="other").name == "other"
        run.undo()
        run.restore(node)
        assert run.set(lr=0.7).used_from == 4
        run.start()
        result_of(training)
        assert seen == [0.1] * 3 + [0.7] * 3
        assert (run.status, run.head.step) == ("finished", 6)


def test_calls_from_the_body_take_effect_at_the_next_boundary():
    loop, answers = Loop(), []
    with loop.running(max_steps=3) as run:
        for batch in run.batches():
            loop.train(batch)
            if not answers:
                answers.append(run.set(lr=0.5))
                assert not answers[0].done()
        assert answers[0].result().used_from == 2
        assert run.history.lr.tolist() == [0.1, 0.5, 0.5]


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


def test_by_hand_with_next():
    loop = Loop()
    with loop.running() as run:
        steps = run.batches()
        for _ in range(3):
            loop.train(next(steps))
        assert run.head.step == 2  # the third ends with the next one
        with pytest.raises(rt.StatusError, match="The run is training already"):
            next(run.batches())
        steps.close()
        assert (run.status, run.head.step) == ("paused", 3)


def test_a_loop_that_never_began_does_nothing():
    with Loop().running() as run:
        run.batches().close()
        assert run.status == "ready"


def test_background_and_own_loop_hand_over_to_each_other():
    loop = Loop()
    options = {"loss_fn": cross_entropy}
    with running(lambda _: loop.optimizer, model=loop.model, **options) as run:
        run.step(2)
        for batch in run.batches():
            loop.train(batch)
            if run.head.step == 4:
                break
        run.step(2)
        assert run.head.step == 7
        run.start()
        run.pause()
        run.wait(PATIENCE)
        here = run.head.step
        for batch in run.batches():
            loop.train(batch)
            break
        assert run.head.step == here + 1


def test_a_paused_loop_ends_when_another_takes_over():
    loop = Loop()
    with loop.running() as run:

        def train():
            for batch in run.batches():
                loop.train(batch)
                run.pause()
            return "ended"

        first = in_thread(train)
        with run._runner._changed:
            assert run._runner._changed.wait_for(lambda: run.status == "paused", PATIENCE)
        for batch in run.batches():
            loop.train(batch)
            break
        assert result_of(first) == "ended"
        assert run.head.step == 2


def test_a_loop_cannot_begin_while_it_trains():
    loop = Loop()
    with running(lambda _: loop.optimizer, model=loop.model) as run:
        run.start()
        with pytest.raises(rt.StatusError, match="The run is training already: pause or stop it first"):
            next(run.batches())
        run.pause()


def test_without_a_step_there_is_only_the_own_loop():
    with Loop().running() as run:
        for call in (run.start, run.step):
            with pytest.raises(rt.StatusError, match="Nothing says how to train: pass loss_fn= or step=, or loop over"):
                call()
        assert run.status == "ready"


def test_stop_ends_the_loop():
    loop, count = Loop(), 0
    with loop.running() as run:
        for batch in run.batches():
            loop.train(batch)
            count += 1
            if count == 2:
                run.stop()
        assert (run.status, count, run.head.step) == ("finished", 2, 2)


def test_close_from_another_thread_ends_a_paused_loop():
    loop = Loop()
    with loop.running() as run:

        def train():
            for batch in run.batches():
                loop.train(batch)
                run.pause()

        training = in_thread(train)
        with run._runner._changed:
            assert run._runner._changed.wait_for(lambda: run.status == "paused", PATIENCE)
        run.close()
        result_of(training)


def test_close_in_the_body_ends_the_loop_after_the_step():
    loop = Loop()
    with loop.running() as run:
        for batch in run.batches():
            loop.train(batch)
            run.close()
        assert (run.status, run.head.step, len(run.history)) == ("paused", 1, 1)
