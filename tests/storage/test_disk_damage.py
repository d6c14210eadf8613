"""Directories and files that are damaged, of another kind, or in the way: refused with a reason, and left alone."""

import errno
import sqlite3
from pathlib import Path

import pytest

from retune_widget.errors import StoreError
from retune_widget.storage import FORMAT_VERSION, DiskStore, holds_a_run
from tests.storage.states import files, snapshot


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
