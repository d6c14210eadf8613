"""Others draw from the generators that training uses: between steps it changes nothing, within one it is found."""

import random
import threading

import numpy as np
import pytest
import torch

import retune_widget as rt
from tests.engine.laboratory import cross_entropy, losses, network
from tests.rig import PATIENCE

BATCHES = [(torch.linspace(-i, i, 48).reshape(8, 6), torch.arange(8) % 3) for i in (1, 2, 3, 4)]
"""Fetched without a seed for each sample: the one for each step is what counts."""

DRAWS = {
    "torch": lambda: torch.randn(3),
    "numpy": lambda: np.random.rand(3),  # noqa: NPY002
    "python": random.random,
}
draws = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


class Other(threading.Thread):
    """Another thread, which draws whenever it is asked to; `ask` returns when it has."""

    def __init__(self, draw):
        super().__init__(daemon=True)
        self._draw = draw
        self._asked, self._drawn = threading.Semaphore(0), threading.Semaphore(0)
        self._over = False
        self.times = 0

    def run(self):
        while self._asked.acquire() and not self._over:
            self._draw()
            self.times += 1
            self._drawn.release()

    def ask(self):
        self._asked.release()
        assert self._drawn.acquire(timeout=PATIENCE)

    def end(self):
        self._over = True
        self._asked.release()
        self.join(PATIENCE)


@pytest.fixture
def other(draw):
    thread = Other(draw)
    thread.start()
    yield thread
    thread.end()


class Training:
    """A step that draws from all generators; `within`, where it is set, is called in the middle of it."""

    def __init__(self):
        self.model = network()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.within = None

    def step(self, batch):
        self.optimizer.zero_grad()
        if self.within is not None:
            self.within()
        noise = torch.randn(()) + float(np.random.rand()) + random.random()  # noqa: NPY002
        loss = cross_entropy(self.model(batch[0]), batch[1]) * (1 + 0.01 * noise)
        loss.backward()
        self.optimizer.step()
        return {"loss": loss, "noise": noise}

    def run(self, path=":memory:", **options):
        return rt.Run(self.model, self.optimizer, BATCHES, step=self.step, path=path, **options)


def undisturbed(steps):
    run = Training().run()
    run.step(steps)
    result = losses(run), run.digest()
    run.close()
    return result


@draws
def test_between_steps_it_changes_nothing(other):
    run = Training().run(max_steps=9)
    on_step = run._engine.on_step

    def between(step, metrics):
        on_step(step, metrics)
        other.ask()

    run._engine.on_step = between
    run.start()
    run.wait()
    assert other.times == 9
    assert losses(run) == undisturbed(9)[0]
    node = run.tree.nodes[-1]
    assert run.verify(node)
    assert (node.exact, node.verified) == (True, True)
    run.close()


@draws
def test_within_a_step_it_is_found_and_the_node_is_marked(other, tmp_path):
    training = Training()
    run = training.run(tmp_path / "run")
    run.step(4)
    before = run.checkpoint()
    run.step(2)
    training.within = other.ask
    run.step(1)
    training.within = None
    run.step(1)
    disturbed = run.checkpoint()
    run.step(2)
    after = run.checkpoint()
    assert losses(run) != undisturbed(10)[0]
    assert all(node.exact and node.verified is None for node in run.tree.nodes)  # nobody knows it yet
    verdicts = [bool(run.verify(node)) for node in (before, disturbed, after)]
    assert verdicts == [True, False, True]
    why = "it is not reached again: another train/loss at step 7; param/model/0.weight differs"
    expected = [(True, None), (False, why), (False, f"{disturbed.id}, on the way here, is not reached again")]
    assert [(node.exact, node.why) for node in (before, disturbed, after)] == expected
    assert run.problems == [f"Not exact: {expected[2][1]}."]
    run.step(1)
    assert not run.checkpoint().exact
    run.branch(before, lr=0.5)
    run.step(1)
    assert run.checkpoint().exact
    run.branch(disturbed, lr=0.5)
    assert run.problems == [f"Not exact: {expected[2][1]}."]
    table = run.nodes.set_index("id")
    assert table.loc[[node.id for node in (before, disturbed, after)], "verified"].tolist() == verdicts
    assert table.loc[disturbed.id, "why"] == why
    run.flush()
    written = run.nodes.to_csv()
    run.close()
    assert rt.open(tmp_path / "run").nodes.to_csv() == written
    run = Training().run(tmp_path / "run", resume=True)
    assert run.nodes.to_csv() == written
    assert run.verify(before.id)
    run.close()


@pytest.mark.parametrize("draw", [DRAWS["torch"]], ids=["torch"])
def test_a_replay_that_was_disturbed_itself_is_taken_back_by_the_next_one(other):
    training = Training()
    run = training.run()
    run.step(4)
    node = run.checkpoint()
    run.step(4)
    after = run.checkpoint()
    training.within = other.ask
    assert not run.verify(node)
    assert [its.exact for its in (node, after)] == [False, False]
    training.within = None
    assert run.verify(node)
    assert (node.exact, node.verified, after.exact, after.verified, run.problems) == (True, True, True, None, [])
    run.close()


@pytest.mark.parametrize("draw", [DRAWS["python"]], ids=["python"])
def test_what_was_known_when_the_node_was_made_stays_after_a_good_verdict(other):
    run = Training().run()
    run.step(2)
    run._engine.tainted = "somebody said so"
    node = run.checkpoint()
    assert run.verify(node)
    assert (node.verified, node.exact, node.why) == (True, False, "somebody said so")
    run.close()
