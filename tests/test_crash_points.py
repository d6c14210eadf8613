"""A process that ends between any two writes: the run goes on from there, and every node is what its steps lead to."""

import shutil
from contextlib import contextmanager

import pytest

import retune_widget as rt
from retune_widget.storage.disk import DiskStore
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.jobs import Jobs
from tests.resuming import again, train

SCHEDULE = rt.schedules.cosine(0.02, 0.001, steps=20)


@pytest.fixture
def every_write(monkeypatch, tmp_path):
    """The directory as it was after each write: every record is a transaction of its own."""
    copies = []

    @contextmanager
    def transaction(self, commit=DiskStore.transaction):
        with commit(self):
            yield
        copies.append(tmp_path / f"after {len(copies)}")
        shutil.copytree(self.path, copies[-1])

    def one_at_a_time(self, upto):
        self.batch = [self.line.popleft()] if self.line and self.line[0].number <= upto else []
        return self.batch

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "transaction", transaction)
        patch.setattr(Jobs, "next_batch", one_at_a_time)
        yield copies


def change_twice(run):
    run.set(lr=0.05)
    run.set(weight_decay=0.1)
    run.step(2)
    run.set(lr=0.03)
    run.set(lr=0.05, note="back")
    run.step(1)


def branch_and_undo(run):
    run.set(lr=0.05)
    run.step(2)
    run.branch("n1", lr=0.002)
    run.step(1)
    run.undo()
    run.step(1)
    run.branch("n0", reseed=True)
    run.set(lr=0.004)


def go_back_and_change(run):
    run.checkpoint("a")
    run.set(lr=0.05)
    run.step(2)
    run.restore("n1")
    run.set(lr=0.002)
    run.step(1)
    middle = run.checkpoint()
    for _ in range(2):
        run.step(1)
        run.checkpoint()
    run.flush()
    run.evict(middle)


def schedule(run):
    run.schedule("lr", SCHEDULE)
    run.step(2)
    run.set(lr=0.01)
    run.step(1)
    run.hold("lr", 0.002)
    run.release("lr")


def rule(run):
    run.add_policy(rt.policies.Plateau("train/loss", patience=2, cooldown=0))
    run.step(6)
    run.suspend_policy("Plateau")
    run.set(lr=0.05)


def is_begun(path):
    reader = DiskReader(path)
    saved = reader.load().checkpoints
    reader.close()
    return bool(saved)


@pytest.mark.parametrize("story", [change_twice, branch_and_undo, go_back_and_change, schedule, rule])
def test_it_goes_on_exactly(tmp_path, every_write, story):
    run = train(tmp_path / "run")
    run.step(3)
    story(run)
    run.step(2)
    run.close()
    begun = [path for path in every_write if is_begun(path)]
    assert len(begun) > 10
    for path in begun:
        run = again(path)
        run.step(2)
        run.checkpoint()
        for node in run.tree.nodes[-3:]:
            if node.parent is not None and node.checkpoint.error is None and node.parent.checkpoint.error is None:
                assert run.verify(node), (path.name, run.verify(node))
        run.close()
