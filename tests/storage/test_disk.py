import errno
import json
import pickletools
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import FORMAT_VERSION, DiskStore, blobs, holds_a_run, manifests
from tests.storage.contract import StoreContract
from tests.storage.states import bits, branch, change, chunk, every_kind, node, snapshot


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "digits"


@pytest.fixture
def store(path):
    store = DiskStore(path)
    yield store
    store.close()


def files(path: Path) -> list[str]:
    return sorted(entry.name for entry in (path / "checkpoints").iterdir())


def fill(store: DiskStore) -> None:
    store.save_info({"seed": 1})
    store.save_branch(branch())
    store.save_node(node())
    store.append_changes([change(1)])
    store.append_history([chunk(0, 5)])
    store.save_checkpoint("c0", Snapshot(every_kind(), {"step": 0}))


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


def test_the_manifest_in_a_file_is_that_of_the_database(store, path):
    store.save_checkpoint("c0", snapshot(0, frozen=2))
    store.save_checkpoint("c1", Snapshot(every_kind() | snapshot(0, frozen=2).tensors, {"lr": float("inf")}))
    for checkpoint in ("c0", "c1"):
        metadata = blobs.read_metadata(path / "checkpoints" / f"{checkpoint}.safetensors")
        assert metadata["format"] == f"retune-widget {FORMAT_VERSION}"
        assert manifests.Manifest.from_metadata(metadata) == manifests.find(store._reader, checkpoint).manifest


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
    assert events == ["sync", "rename", "sync", "COMMIT"]


def test_a_newer_format_is_refused(store, path):
    store._db.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    store.close()
    with pytest.raises(StoreError, match=rf"format is {FORMAT_VERSION + 1}.*upgrade with") as error:
        DiskStore(path)
    assert str(path) in str(error.value)


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(StoreError, match=r"is a file, and a run needs a directory"):
        DiskStore(tmp_path / "run")
    with pytest.raises(StoreError, match=r"cannot be opened: Not a directory"):
        DiskStore(tmp_path / "run" / "deeper")
    assert (tmp_path / "run").read_text() == "mine"


def test_a_directory_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    (tmp_path / "zzz").mkdir()
    with pytest.raises(StoreError, match=r"not a run directory: it holds 'thesis.tex' and 1 more"):
        DiskStore(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["thesis.tex", "zzz"]


def test_hidden_files_do_not_make_a_directory_taken(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    DiskStore(tmp_path).close()


def test_a_damaged_database_is_refused(tmp_path):
    content = b"no database at all, but long enough for one " * 12
    (tmp_path / "run.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot be opened: file is not a database"):
        DiskStore(tmp_path)
    assert (tmp_path / "run.db").read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path):
    other = sqlite3.connect(tmp_path / "run.db")
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(StoreError, match=r"belongs to another program"):
        DiskStore(tmp_path)


@pytest.mark.parametrize("lost", [Path.unlink, lambda file: file.write_bytes(b"")])
def test_checkpoints_without_a_database_are_not_swept(store, path, lost):
    store.save_checkpoint("c0", snapshot())
    store.close()
    lost(path / "run.db")
    assert holds_a_run(path)
    with pytest.raises(StoreError, match=r"database, run.db, is missing"):
        DiskStore(path)
    assert files(path) == ["c0.safetensors"]


def test_a_directory_that_cannot_be_made_is_refused(tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=r"run cannot be opened: Permission denied"):
        DiskStore(tmp_path / "run")


def test_holds_a_run(store, path, tmp_path):
    assert holds_a_run(path)
    assert holds_a_run(str(path))
    assert not holds_a_run(tmp_path)
    assert not holds_a_run(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["missing", "cut", "header", "other tensors"])
def test_a_damaged_checkpoint_is_an_error_and_the_others_load(store, path, damage):
    for i in range(2):
        store.save_checkpoint(f"c{i}", snapshot(i))
    file = path / "checkpoints" / "c0.safetensors"
    whole = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        other = (path / "checkpoints" / "c1.safetensors").read_bytes()
        file.write_bytes({"cut": whole[:-1], "header": b"\xff" * 64, "other tensors": other}[damage])
    with pytest.raises(StoreError, match=r"c0\.safetensors cannot be read"):
        store.load_checkpoint("c0")
    assert store.load_checkpoint("c1").step == 1


@pytest.mark.parametrize("change", ["dtype = 'float64'", "dtype = 'save'", "shape = '[1000000000000]'"])
def test_a_manifest_that_does_not_fit_its_file_is_an_error(store, change):
    store.save_checkpoint("c0", snapshot())
    store._db.execute(f"UPDATE blobs SET {change}")
    with pytest.raises(StoreError, match=r"cannot be read: .*tensor"):
        store.load_checkpoint("c0")


def test_a_file_name_that_leads_out_of_the_directory_is_not_opened(store, path):
    store.save_checkpoint("c0", snapshot())
    store._db.execute("UPDATE files SET name = '../../outside.safetensors'")
    with pytest.raises(StoreError, match=r"names a file outside it"):
        store.load_checkpoint("c0")


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
