"""The column buffers: what is recorded, when tensors become numbers, what goes to the store."""

import threading

import numpy as np
import torch

from retune_widget.engine.steps import to_floats
from retune_widget.tracking.clock import Clock
from retune_widget.tracking.history import FLUSH_EVERY, History
from retune_widget.tracking.recorder import Recorder
from retune_widget.tracking.tree import Branch

MAIN = Branch(0, "main")


class Counting:
    """Turns recorded scalars into floats and counts how often it is asked."""

    def __init__(self):
        self.sizes = []

    def __call__(self, values):
        self.sizes.append(len(values))
        return to_floats(list(values))


def test_tensors_become_numbers_in_batches():
    counting = Counting()
    history = History(counting)
    for step in range(1, FLUSH_EVERY + 1):
        history.record(0, step, 0.0, {"loss": torch.tensor(step / 2), "accuracy": 1})
    assert counting.sizes == [2 * FLUSH_EVERY]
    steps, values = history.pairs(MAIN, "loss")
    assert steps.tolist() == list(range(1, FLUSH_EVERY + 1))
    assert values.tolist() == [step / 2 for step in steps]


def test_reading_flushes():
    counting = Counting()
    history = History(counting)
    history.record(0, 1, 0.0, {"loss": torch.tensor(0.5)})
    assert history.names("metric") == ("loss",)
    assert history.latest([(MAIN, -1)], "loss") == (1, 0.5)
    assert counting.sizes == [1]


def test_hyperparameters_are_recorded_when_they_change():
    history = History(list)
    recorder = Recorder(history)
    for step in range(1, 8):
        recorder.used = {"lr": 0.1 if step < 4 else 0.2, "momentum": 0.9}
        recorder.step(MAIN, step, step // 5, {"loss": step})
    assert history.pairs(MAIN, "lr")[0].tolist() == [1, 4]
    assert history.pairs(MAIN, "momentum")[0].tolist() == [1]
    assert history.pairs(MAIN, "epoch")[0].tolist() == [1, 5]
    recorder.move(12.0)
    recorder.step(Branch(1, "other"), 4, 0, {})
    assert history.pairs(Branch(1, "other"), "momentum")[0].tolist() == [4]
    assert recorder.clock.elapsed() == 12.0


def test_a_second_value_for_a_step_replaces_the_first_in_the_store_too():
    history = History(list)
    history.record(0, 1, 0.0, {"loss": 1.0})
    history.record(0, 2, 0.0, {"loss": 2.0})
    history.take_unstored()
    history.record(0, 2, 0.0, {"loss": 3.0})
    assert history.pairs(MAIN, "loss")[1].tolist() == [1.0, 3.0]
    loss = next(chunk for chunk in history.take_unstored() if chunk.column == "loss")
    assert (loss.steps.tolist(), loss.values.tolist()) == ([2], [3.0])


def test_every_pair_goes_to_the_store_once():
    history, kept = History(list), {}
    for step in range(1, 100):
        history.record(0, step, step / 10, {"loss": step} if step % 3 else {})
        if step % 7 == 0:
            for chunk in history.take_unstored():
                kept.setdefault(chunk.column, []).extend(chunk.steps.tolist())
    for chunk in history.take_unstored():
        kept.setdefault(chunk.column, []).extend(chunk.steps.tolist())
    assert kept["elapsed"] == list(range(1, 100))
    assert kept["loss"] == [step for step in range(1, 100) if step % 3]
    assert history.take_unstored() == []


def test_a_deleted_branch_is_forgotten():
    history = History(list)
    history.record(3, 1, 0.0, {"loss": 1.0})
    history.drop(3)
    assert history.pairs(Branch(3, "gone"), "loss")[0].size == 0
    assert history.take_unstored() == []


def test_what_is_read_does_not_change_afterwards():
    history = History(list)
    history.record(0, 1, 0.0, {"loss": 1.0})
    before = history.pairs(MAIN, "loss")
    history.record(0, 2, 0.0, {"loss": 2.0})
    assert before[0].tolist() == [1]


def test_reading_while_another_thread_records():
    history, done = History(to_floats), threading.Event()

    def record():
        for step in range(1, 5001):
            history.record(0, step, step, {"loss": torch.tensor(float(step))})
        done.set()

    thread = threading.Thread(target=record)
    thread.start()
    while not done.is_set():
        steps, values = history.pairs(MAIN, "loss")
        assert np.array_equal(steps, values)
        assert np.array_equal(steps, np.arange(1, len(steps) + 1))
    thread.join()
    assert len(history.pairs(MAIN, "loss")[0]) == 5000


def test_the_clock_counts_only_while_it_runs():
    clock = Clock()
    assert clock.elapsed() == 0
    clock.run(running=True)
    first = clock.elapsed()
    clock.run(running=True)
    assert clock.elapsed() >= first
    clock.run(running=False)
    stopped = clock.elapsed()
    assert clock.elapsed() == stopped
    clock.set(100.0)
    assert clock.elapsed() == 100.0
    clock.run(running=True)
    clock.set(5.0)
    assert 5.0 <= clock.elapsed() < 100.0
