"""The writer where saving fails: told, tried again, nothing lost, training never held up."""

import threading

import pytest

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import DiskStore, Writer
from retune_widget.tracking.tree import CheckpointHandle
from tests.rig import in_thread, result_of
from tests.storage.faulty import FULL
from tests.storage.states import change, chunk, node, snapshot
from tests.storage.writers import NEVER, hold_up, submit


def test_a_failed_checkpoint_is_reported_and_saved_once_there_is_room(writer, store):
    store.refused = {"checkpoint"}
    handle = submit(writer, 0, node_too=True)
    writer.save_node(node("n1"))
    assert writer.flush(20)
    assert (handle.saved, handle.error, handle.digest) == (False, FULL, snapshot(0).digest())
    assert writer.problems == [FULL]
    assert [record["id"] for record in store.load().nodes] == ["n0", "n1"]
    assert writer.load_checkpoint(handle).step == 0
    store.refused = set()
    assert writer.flush(20)
    assert (handle.saved, handle.error) == (True, None)
    assert writer.problems == []
    assert store.load_checkpoint("c0").step == 0


def test_a_failing_store_holds_nobody_up_where_memory_is_short(writer, store, monkeypatch):
    monkeypatch.setattr("retune_widget.storage.writer.MEMORY", 100)
    store.refused = {"checkpoint"}
    handles = [submit(writer, number) for number in range(5)]
    assert writer.flush(20)
    assert [handle.error is None for handle in handles] == [False] * 5
    store.refused = {"node"}
    more = [submit(writer, number, node_too=True) for number in range(5, 10)]
    store.refused = set()
    assert writer.flush(20)
    assert [handle.saved for handle in more[-2:]] == [True, True]


def test_failed_saves_are_tried_again_without_being_asked(store):
    changed = threading.Event()
    writer = Writer(store, changed.set, retry_seconds=0.01)
    store.refused = {"checkpoint"}
    handle = submit(writer, 0)
    assert changed.wait(10)
    assert handle.error == FULL
    store.refused = {"node"}
    changed.clear()
    while not handle.saved:
        assert changed.wait(10)
    writer.save_node(node())
    writer.flush(20)
    assert store.load().nodes == []
    store.refused = set()
    changed.clear()
    assert changed.wait(10)
    assert store.load().nodes == [node()]
    writer.close()


def test_a_failing_store_is_not_tried_all_the_time(writer, store):
    store.refused = {"node"}
    writer.save_node(node("n0"))
    assert writer.flush(20)
    tried = store.attempts
    for i in range(1, 50):
        writer.save_node(node(f"n{i}"))
    assert writer.flush(20)
    assert store.attempts == tried + 1


def test_failed_records_lose_nothing_and_keep_their_order(writer, store):
    store.refused = {"history"}
    writer.save_node(node("n0", note="first"))
    writer.append_history([chunk(0, 10)])
    assert writer.flush(20)
    assert writer.problems == [FULL]
    writer.append_history([chunk(10, 10)])
    writer.append_history([chunk(15, 5, offset=0.5)])
    writer.save_node(node("n0", note="second"))
    handle = submit(writer, 1)
    assert writer.flush(20)
    assert store.load().history == []
    assert (handle.saved, handle.error) == (False, FULL)
    store.refused = set()
    assert writer.flush(20)
    record = store.load()
    assert record.nodes == [node("n0", note="second")]
    assert record.history[0].values.tolist() == [*range(15), *(x + 0.5 for x in range(15, 20))]
    assert (handle.saved, writer.problems) == (True, [])


def test_a_failed_commit_is_tried_again_whole(writer, store):
    store.refused = {"commit"}
    handle = submit(writer, 0, node_too=True)
    writer.append_changes([change(1)])
    assert writer.flush(20)
    assert store.load().nodes == []
    store.refused = set()
    assert writer.flush(20)
    assert handle.saved
    assert store.load().changes == [change(1)]


@pytest.mark.parametrize("refused", ["checkpoint", "history"])
def test_only_the_two_newest_failed_snapshots_are_kept(writer, store, refused):
    store.refused = {refused}
    writer.append_history([chunk(0, 1)])
    handles = []
    for i in range(4):
        handles.append(submit(writer, i))
        assert writer.flush(20)
        assert writer.unsaved <= 2
    assert all("given up" in handle.error for handle in handles[:2])
    assert [handle.error for handle in handles[2:]] == [FULL, FULL]
    with pytest.raises(StoreError, match=r"'c0' was never saved: .*No space left on device.*given up"):
        writer.load_checkpoint(handles[0])
    store.refused = set()
    assert writer.flush(20)
    assert [handle.saved for handle in handles] == [False, False, True, True]
    assert [checkpoint["id"] for checkpoint in store.load().checkpoints] == ["c2", "c3"]


def test_snapshots_do_not_pile_up_behind_a_record_that_cannot_be_saved(writer, store):
    store.refused = {"history"}
    writer.append_history([chunk(0, 1)])
    assert writer.flush(20)
    handles = [submit(writer, i) for i in range(5)]
    assert writer.unsaved == 2
    assert all(f"{FULL} It was given up" in handle.error for handle in handles[:3])
    store.refused = set()
    assert writer.flush(20)
    assert [handle.saved for handle in handles] == [False, False, False, True, True]


def test_a_failed_checkpoint_that_is_deleted_is_not_saved_later(writer, store):
    store.refused = {"checkpoint"}
    submit(writer, 0, node_too=True)
    assert writer.flush(20)
    writer.delete([], ["n0"], ["c0"])
    assert writer.flush(20)
    store.refused = set()
    assert writer.flush(20)
    assert store.load().checkpoints == []
    assert writer.unsaved == 0
    assert writer.problems == []


def test_a_fault_of_ours_does_not_end_the_saving(writer, store):
    hold_up(writer, store)
    handle = CheckpointHandle("c0")
    writer.save_node(node("n0"))
    writer.save_checkpoint(handle, Snapshot({}, {"step": object()}))
    good = submit(writer, 1)
    store.open.set()
    assert writer.flush(20)
    assert not handle.saved
    assert "TypeError" in handle.error
    assert good.saved
    assert [record["id"] for record in store.load().nodes] == ["n0"]
    assert "'c0' cannot be saved. This is a fault in retune-widget: TypeError" in writer.problems[0]
    store.refused = {"broken node"}
    writer.save_node(node("n1"))
    assert writer.flush(20)
    assert "A record cannot be saved. This is a fault in retune-widget: RuntimeError: a bug" in writer.problems[1]
    store.refused = {"broken commit"}
    writer.save_node(node("n2"))
    assert writer.flush(20)
    store.refused = set()
    assert writer.flush(20)
    assert [record["id"] for record in store.load().nodes] == ["n0", "n2"]


def test_closing_returns_when_the_store_fails(store):
    writer = Writer(store, retry_seconds=NEVER)
    store.refused = {"node", "checkpoint"}
    handle = submit(writer, 0, node_too=True)
    writer.close()
    assert (handle.saved, handle.error, writer.problems) == (False, FULL, [FULL])


def test_a_directory_that_fills_up_and_is_emptied(tmp_path):
    store = DiskStore(tmp_path / "run")
    writer = Writer(store, retry_seconds=NEVER)
    first = submit(writer, 0, node_too=True)
    assert writer.flush(20)
    (tmp_path / "run" / "checkpoints").rename(tmp_path / "away")
    failed = submit(writer, 1, node_too=True)
    writer.append_history([chunk(0, 4)])
    assert writer.flush(20)
    assert "cannot be written: No such file or directory" in failed.error
    assert len(store.load().history[0].steps) == 4
    (tmp_path / "away").rename(tmp_path / "run" / "checkpoints")
    assert writer.flush(20)
    assert first.saved
    assert failed.saved
    assert writer.load_checkpoint(failed).digest() == failed.digest
    writer.close()
    store.close()


def test_a_store_that_fails_slowly_does_not_fill_the_memory(writer, store, monkeypatch):
    monkeypatch.setattr("retune_widget.storage.writer.MEMORY", 2000)
    store.refused = {"checkpoint"}
    handles = [submit(writer, 0)]
    assert writer.flush(20)
    hold_up(writer, store)  # the next try takes its time
    handles += [submit(writer, number) for number in range(1, 9)]
    assert writer.unsaved <= 4
    assert all("It was given up" in handle.error for handle in handles[1:5])
    store.open.set()


def test_who_waits_for_memory_says_so_and_is_let_go_when_asked_to_pause(writer, store, monkeypatch):
    monkeypatch.setattr("retune_widget.storage.writer.MEMORY", 100)
    monkeypatch.setattr("retune_widget.storage.writer.TOLD_AFTER", 0.0)
    hold_up(writer, store)
    submit(writer, 0)
    waiting = in_thread(submit, writer, 1)
    while not writer.problems:
        assert waiting[0].is_alive()
    assert writer.problems == ["Training waits for the disk: 2 checkpoints are still being written."]
    writer.is_urgent = lambda: True
    result_of(waiting)
    assert writer.problems == []
    store.open.set()
