"""The writer: order, transactions, what waits, what is let go."""

import gc
import threading
import weakref

import pytest
import torch

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import Writer
from retune_widget.tracking.tree import CheckpointHandle
from tests.rig import in_thread, result_of
from tests.storage.faulty import FULL
from tests.storage.states import branch, change, chunk, node, snapshot
from tests.storage.writers import NEVER, hold_up, submit


def test_everything_submitted_is_saved(writer, store):
    writer.save_info({"seed": 1})
    writer.save_branch(branch())
    writer.append_changes([change(1)])
    writer.append_history([chunk(0, 2)])
    handle = submit(writer, 0, node_too=True)
    assert writer.flush(20)
    record = store.load()
    assert (record.info, record.branches, record.nodes) == ({"seed": 1}, [branch()], [node("n0")])
    assert (record.changes, len(record.history[0].steps)) == ([change(1)], 2)
    assert (handle.saved, handle.error, handle.digest) == (True, None, snapshot(0).digest())
    assert handle.bytes == record.checkpoints[0]["bytes"] > 0
    assert writer.problems == []


def test_what_waits_is_saved_in_order_with_a_commit_at_each_checkpoint(writer, store):
    hold_up(writer, store)
    for i in range(3):
        writer.append_history([chunk(10 * i, 5)])
        submit(writer, i, node_too=True)
    writer.save_node(node("n9"))
    writer.save_node(node("n8"))
    store.open.set()
    assert writer.flush(20)
    assert store.committed == [
        ["h0"],
        ["h0", "n0", "c0"],
        ["h10", "n1", "c1"],
        ["h20", "n2", "c2"],
        ["n9", "n8"],
    ]


def test_submitting_does_not_wait_for_the_disk(writer, store):
    hold_up(writer, store)
    handle = submit(writer, 0)
    assert not writer.flush(0.01)
    assert not handle.saved
    assert writer.unsaved == 1
    store.open.set()
    assert writer.flush(20)
    assert handle.saved
    assert writer.unsaved == 0


def test_history_reaches_the_store_without_a_flush(writer, store):
    changed = threading.Event()
    watching = Writer(store, changed.set)
    watching.append_history([chunk(0, 3)])
    assert changed.wait(5)
    assert len(store.load().history[0].steps) == 3
    watching.close()


def test_a_snapshot_is_read_from_memory_until_it_is_saved_and_let_go_then(writer, store):
    hold_up(writer, store)
    waiting = Snapshot({"w": torch.ones(3)}, {"step": 1})
    there = weakref.ref(waiting)
    handle = CheckpointHandle("c0")
    writer.save_checkpoint(handle, waiting)
    assert writer.load_checkpoint(handle) is waiting
    store.open.set()
    assert writer.flush(20)
    assert writer.load_checkpoint(handle) is not waiting
    assert writer.load_checkpoint(handle).digest() == waiting.digest()
    del waiting
    gc.collect()
    assert there() is None


def test_a_snapshot_waits_for_the_one_before_where_memory_is_short(writer, store, monkeypatch):
    monkeypatch.setattr("retune_widget.storage.writer.MEMORY", 100)
    hold_up(writer, store)
    first = submit(writer, 0)
    second = in_thread(submit, writer, 1)
    while writer.unsaved < 2:
        assert second[0].is_alive()
    assert not second[1]
    assert not first.saved
    store.open.set()
    assert result_of(second).id == "c1"
    assert first.saved


def test_small_snapshots_do_not_wait_for_each_other(writer, store):
    hold_up(writer, store)
    handles = [submit(writer, number) for number in range(20)]
    assert writer.unsaved == 20
    assert not any(handle.saved for handle in handles)
    store.open.set()


def test_closing_saves_what_waits_and_ends_the_thread(store):
    writer = Writer(store, retry_seconds=NEVER)
    hold_up(writer, store)
    handle = submit(writer, 0)
    closing = threading.Thread(target=writer.close)
    closing.start()
    store.open.set()
    closing.join(20)
    assert handle.saved
    assert not writer._thread.is_alive()
    writer.close()
    assert writer.flush(1)
    with pytest.raises(StoreError, match="closed"):
        writer.save_node(node())


def test_a_closed_writer_is_let_go(store):
    writer = Writer(store)
    submit(writer, 0)
    writer.close()
    there = weakref.ref(writer)
    del writer
    gc.collect()
    assert there() is None


def test_a_change_is_announced_after_the_handle_is_filled_in(store):
    seen = []
    handle = CheckpointHandle("c0")
    writer = Writer(store, lambda: seen.append((handle.saved, handle.error)), retry_seconds=NEVER)
    store.refused = {"checkpoint"}
    writer.save_checkpoint(handle, snapshot())
    writer.flush(20)
    store.refused = set()
    writer.flush(20)
    writer.close()
    assert seen == [(False, FULL), (True, None)]
