"""A step of one's own that is trained again: it is told what it was told, and what it asks for is not done twice."""

import pytest
from torch import nn

import retune_widget as rt
from tests.rig import network, running, sgd


class Own:
    """A step that does something first."""

    def __init__(self, do):
        self.do, self.model, self.run = do, network(), None
        self.optimizer = sgd(self.model)

    def __call__(self, batch):
        self.do(self.run)
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        return loss

    def running(self, **options):
        return running(lambda _: self.optimizer, model=self.model, step=self, **options)


def test_what_a_step_asks_for_is_not_done_again():
    answers = []

    def do(run):
        if run.head.step == 5:
            answers.append(run.set(lr=0.05))
            run.pause()

    own = Own(do)
    with own.running() as run:
        own.run = run
        run.step(6)
        run.step(3)
        node, digest = run.checkpoint(), run.digest()
        before = [its.id for its in run.tree.nodes]
        change = run.tree.node(run.changes["node"].iloc[0])
        assert change.step == 6
        assert run.verify(change)
        assert run.verify(node)
        assert ([its.id for its in run.tree.nodes], run.digest(), len(run.changes)) == (before, digest, 1)
        assert answers[0].result().used_from == 7
        assert len(answers) == 2, "the step was trained again once"
        with pytest.raises(rt.StatusError, match="The step was trained again"):
            answers[1].result()


def test_a_step_that_is_trained_again_is_told_where_it_was():
    told = []
    own = Own(lambda run: told.append((run.head.step, run.head.epoch)))
    with own.running() as run:
        own.run = run
        run.step(5)
        node = run.checkpoint()
        run.step(4)
        first, told[:] = told[:5], []
        assert run.verify(node)
        assert told == first == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 1)]
        assert run.head.step == 9


@pytest.mark.parametrize(("options", "replayed"), [({}, False), ({"window": 4}, True), ({"budget": 20_000}, True)])
def test_steps_of_ones_own_are_trained_again_only_where_that_was_asked_for(options, replayed):
    calls = []
    own = Own(calls.append)
    with own.running(checkpoint_every=1, **options) as run:
        own.run = run
        run.step(30)
        run.flush()
        run.step(2)
        assert (len(calls) > 32) == replayed
