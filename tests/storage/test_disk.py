"""The directory store: what is on the disk, in which order it gets there, and what a failed write leaves."""

import json
import pickletools
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import FORMAT_VERSION, DiskStore, blobs, manifests
from retune_widget.storage.disk_reader import DiskReader
from retune_widget.storage.journal import last_commit, read
from tests.storage.contract import StoreContract
from tests.storage.states import bits, branch, chunk, every_kind, files, fill, node, snapshot


class TestDiskStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = DiskStore(tmp_path / "run")
        yield store
        store.close()


def test_a_run_is_the_same_when_it_is_opened_again(store, path):
    fill(store)
    before = store.load()
    store.close()
    again = DiskStore(path)
    after = again.load()
    assert (after.info, after.branches, after.nodes) == (before.info, before.branches, before.nodes)
    assert (after.changes, after.checkpoints) == (before.changes, before.checkpoints)
    assert after.history[0].values.tolist() == before.history[0].values.tolist()
    assert again.load_checkpoint("c0").digest() == Snapshot(every_kind(), {"step": 0}).digest()
    again.close()


def test_the_database_is_as_durable_as_sqlite_can_be(store):
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)


def metadata_of(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_the_manifest_in_a_file_is_that_of_the_database(store, path):
    store.save_checkpoint("c0", snapshot(0, frozen=2))
    store.save_checkpoint("c1", Snapshot(every_kind() | snapshot(0, frozen=2).tensors, {"lr": float("inf")}))
    for checkpoint in ("c0", "c1"):
        metadata = metadata_of(path / "checkpoints" / f"{checkpoint}.safetensors")
        assert metadata["format"] == f"retune-widget {FORMAT_VERSION}"
        assert manifests.Manifest.from_metadata(metadata) == manifests.find(store._reader._db, checkpoint).manifest


def test_the_files_are_plain_safetensors_under_content_keys(store, path):
    store.save_checkpoint("c0", snapshot(0, frozen=1))
    store.save_checkpoint("c1", snapshot(1, frozen=1))
    first, second = (load_file(path / "checkpoints" / f"c{i}.safetensors") for i in range(2))
    assert len(first) == 2
    assert {bits(tensor) for tensor in second.values()} == {bits(snapshot(1).tensors["weight"])}
    assert all(blobs.blob_of(tensor).key == key for key, tensor in (first | second).items())


def test_there_is_no_pickle_anywhere(store, path, monkeypatch):
    monkeypatch.setattr("pickle.loads", None)
    monkeypatch.setattr("pickle.load", None)
    fill(store)
    store.load()
    store.load_checkpoint("c0")
    for file in path.rglob("*"):
        if file.is_file():
            assert not zipfile.is_zipfile(file), file
            with pytest.raises((ValueError, IndexError)):
                list(pickletools.genops(file.read_bytes()))
    package = Path(sys.modules["retune_widget.storage"].__file__).parent
    sources = "".join(file.read_text() for file in package.glob("*.py"))
    assert not any(word in sources for word in ("import pickle", "torch.load", "torch.save", "marshal"))


def test_what_a_crash_left_is_swept_and_the_rest_is_kept(store, path):
    fill(store)
    store.close()
    folder = path / "checkpoints"
    (folder / "c1.tmp").write_bytes(b"torn")
    (folder / "c1.safetensors").write_bytes((folder / "c0.safetensors").read_bytes())
    (folder / "notes.txt").write_text("a person's own")
    again = DiskStore(path)
    assert files(path) == ["c0.safetensors", "notes.txt"]
    assert again.load_checkpoint("c0").step == 0
    again.close()


def test_a_file_goes_with_the_last_of_its_tensors(store, path):
    store.save_checkpoint("c0", snapshot(0, frozen=1))
    store.save_checkpoint("c1", snapshot(1, frozen=1))
    store.delete([], [], ["c0"])
    assert files(path) == ["c0.safetensors", "c1.safetensors"]
    store.save_checkpoint("c0", snapshot(2, frozen=1))
    assert files(path) == ["c0.2.safetensors", "c0.safetensors", "c1.safetensors"]
    store.delete([], [], ["c1"])
    assert files(path) == ["c0.2.safetensors", "c0.safetensors"]
    store.delete([], [], ["c0"])
    assert files(path) == []


def test_a_file_is_only_removed_once_the_deletion_is_committed(store, path):
    def doomed():
        with store.transaction():
            store.delete([], [], ["c0"])
            assert files(path) == ["c0.safetensors"]
            raise KeyError

    store.save_checkpoint("c0", snapshot())
    with pytest.raises(KeyError):
        doomed()
    assert store.load_checkpoint("c0").step == 0


def test_a_rolled_back_checkpoint_leaves_no_file(store, path):
    def doomed():
        with store.transaction():
            store.save_checkpoint("c0", snapshot())
            assert files(path) == ["c0.safetensors"]
            raise KeyError

    with pytest.raises(KeyError):
        doomed()
    assert files(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_write_that_really_fails_is_reported_and_leaves_nothing(store, path):
    import resource

    large = Snapshot({"w": torch.ones(1_000_000)}, {"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        with pytest.raises(StoreError, match=r"digits cannot be written: File too large"):
            store.save_checkpoint("c0", large)
        assert files(path) == []
        store.save_node(node())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.save_checkpoint("c0", large) > 4_000_000
    assert store.load().nodes == [node()]


def test_a_full_database_is_reported_and_recovers(store):
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"digits cannot be written: database or disk is full"):
        store.append_history([chunk(0, 50_000)])
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.append_history([chunk(0, 50_000)])
    assert len(store.load().history[0].steps) == 50_000


def test_the_order_is_write_sync_rename_sync_commit(store, path, monkeypatch):
    events = []
    real_sync, real_replace = blobs.os.fsync, Path.replace
    monkeypatch.setattr(blobs.os, "fsync", lambda fd: (events.append("sync"), real_sync(fd)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), real_replace(self, to)))
    store._db.set_trace_callback(lambda sql: events.append(sql) if sql == "COMMIT" else None)
    store.save_checkpoint("c0", snapshot())
    assert events == ["sync", "rename", "sync", "COMMIT", "sync"]  # the last one is the journal's


def test_appending_history_rewrites_little(store):
    for step in range(0, 20_000, 100):
        store.append_history([chunk(step, 100)])
    sizes = [len(steps) // 8 for (steps,) in store._db.execute("SELECT steps FROM pieces ORDER BY first_step")]
    assert sum(sizes) == 20_000
    assert max(sizes) < 1200
    assert len(sizes) < 25


def test_names_of_any_kind_are_only_data(store):
    hostile = "x'); DROP TABLE nodes; -- <img src=x onerror=alert(1)> \x00 🙂"
    store.save_branch(branch(0, hostile))
    store.append_history([chunk(0, 1, column=hostile)])
    store.save_checkpoint("c0", Snapshot({hostile: torch.ones(1)}, {"step": 0, hostile: hostile}))
    assert store.load().branches[0]["name"] == hostile
    assert store.load().history[0].column == hostile
    assert list(store.load_checkpoint("c0").tensors) == [hostile]
    assert json.loads(json.dumps(store.load_checkpoint("c0").values))[hostile] == hostile


def test_a_directory_of_the_first_format_is_read_and_taken_over(store, path):
    fill(store)
    store.close()
    db = sqlite3.connect(path / "run.db")
    db.executescript("DROP TABLE counter; PRAGMA user_version = 1;")
    db.close()
    (path / "journal").unlink()
    reader = DiskReader(path)
    assert reader.load().nodes == [node()]
    reader.close()
    again = DiskStore(path)
    again.save_node(node("n1"))
    assert again._db.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)
    assert last_commit(path / "journal")[0] == again._number == 1
    assert [line.kind for line in read(path / "journal")][-3:] == ["commit", "node", "commit"]
    again.close()
    reader = DiskReader(path)
    assert reader.load().nodes == [node(), node("n1")]
    assert reader.load_checkpoint("c0").step == 0
    reader.close()


def test_a_file_that_is_touched_while_the_run_is_open_is_compared_again(tmp_path):
    store = DiskStore(tmp_path / "run")
    store.save_checkpoint("c0", snapshot(0))
    file = tmp_path / "run" / "checkpoints" / "c0.safetensors"
    assert store.load_checkpoint("c0").digest() == snapshot(0).digest()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged: it is not what was saved"):
            store.load_checkpoint("c0")
    content[-1] ^= 1
    file.write_bytes(content)
    assert store.load_checkpoint("c0").digest() == snapshot(0).digest()
    store.close()
