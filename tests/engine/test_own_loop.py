"""A loop of the person's own over `run.batches()`: blocking, steered from other threads, left in every way."""

import pytest
from torch.nn.functional import cross_entropy

import retune_widget as rt
from tests.engine.loops import Loop
from tests.rig import PATIENCE, in_thread, network, parameters, result_of, running, same, sgd


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
