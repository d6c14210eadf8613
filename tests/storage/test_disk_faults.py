"""A disk that is full, read-only or forbidden, really or at the call of the system: said, survived, made good."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import retune_widget as rt
from retune_widget.storage import DiskStore
from retune_widget.storage.journal import last_commit
from tests.resuming import again, train

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


@posix
def test_training_goes_on_where_files_cannot_grow_and_saving_resumes(tmp_path):
    """A limit on the size of files (EFBIG) is a full disk that every system has, without a mount."""
    told = child("limit", tmp_path / "run")
    assert_story(told)


def test_training_goes_on_on_a_full_disk_and_saving_resumes(tmp_path):
    """A small file system in a name space of its own (ENOSPC)."""
    if not can_mount(tmp_path):
        pytest.skip("this system lets nobody mount a small file system in a name space of its own")
    told = child("full", tmp_path, "unshare", "-Urm")
    assert_story(told)


def test_a_read_only_file_system_is_refused_and_can_be_looked_at(tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("this system lets nobody mount a small file system in a name space of its own")
    told = child("read-only", tmp_path, "unshare", "-Urm")
    assert "Read-only file system" in told["refused"]
    assert "Choose a path that you may write to, or copy the directory to one." in told["refused"]
    assert told["looked at"] == "5"


def assert_story(told):
    assert told["status before"] == "saved"
    assert told["status while full"] == "not saved"
    assert "cannot be written: " in told["reason"]
    assert any(word in told["reason"] for word in ("File too large", "No space left", "disk is full"))
    assert told["steps while full"] == "9"
    assert told["problems while full"] != "[]"
    assert (told["status after"], told["problems after"]) == ("saved", "[]")
    assert told["digest"] == told["digest resumed"]


def child(kind, path, *before):
    done = subprocess.run(
        [*before, sys.executable, "-m", "tests.storage.full_disk_child", kind, str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def can_mount(path):
    try:
        command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(path)]
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "Permission denied. Choose a path that you may write to"),
        (errno.EROFS, "Read-only file system. Choose a path that you may write to"),
        (errno.ENOSPC, "No space left on device. Make room on that disk"),
        (errno.EDQUOT, "Disk quota exceeded. Make room on that disk"),
        (errno.EIO, "Input/output error. The disk fails"),
    ],
)
@pytest.mark.parametrize("call", ["mkdir", "open", "fsync"])
def test_what_the_system_refuses_is_said_with_advice(tmp_path, monkeypatch, number, advice, call):
    """Root may do all, so the answer of the system is put in its mouth."""

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    owner = {"mkdir": Path, "open": Path, "fsync": os}[call]
    monkeypatch.setattr(owner, call, refuse)
    with pytest.raises(rt.StoreError, match=f"run cannot be opened: {advice}"):
        DiskStore(tmp_path / "run")
    monkeypatch.undo()
    DiskStore(tmp_path / "run").close()


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(rt.StoreError, match=r"File name too long. Choose a shorter path."):
        DiskStore(tmp_path / ("x" * 300))


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(rt.StoreError, match=r"Not a directory. A part of this path is a file"):
        DiskStore(tmp_path / "file" / "run")


def test_a_journal_that_cannot_be_written_is_said_and_catches_up(tmp_path, monkeypatch):
    run = train(tmp_path / "run")
    run.flush()
    real = os.fsync
    journal = (tmp_path / "run" / "journal").stat().st_ino

    def refuse(descriptor):
        if os.fstat(descriptor).st_ino == journal:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    run.step(3)
    saved = run.checkpoint()
    run.flush()
    assert saved.saved
    assert "journal cannot be written: No space left on device" in run.problems[0]
    monkeypatch.undo()
    run.step(1)
    run.flush()
    assert run.problems == []
    assert last_commit(tmp_path / "run" / "journal")[0] == run._store._number
    run.close()
    for name in ("run.db", "run.db-wal", "run.db-shm"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    assert rt.repair(tmp_path / "run").rows == 4


@pytest.mark.parametrize("jump", [-30 * 365 * 86400, -1e9 - 1e9, 40 * 365 * 86400, 3e9])
def test_the_clock_may_jump_by_years(tmp_path, monkeypatch, jump):
    """Stamps follow the clock; the time of training, retries and the order of nodes do not."""
    run = train(tmp_path / "run")
    run.step(2)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    run.step(2)
    run.set(lr=0.5)
    run.step(1)
    run.flush()
    assert [node.step for node in run.tree.nodes] == [0, 4]
    assert run.history.elapsed.is_monotonic_increasing
    assert run.history.elapsed.max() < 60
    assert abs((run.nodes.created.iloc[1] - run.nodes.created.iloc[0]).total_seconds() - jump) < 60
    assert str(rt.open(tmp_path / "run").nodes) == str(run.nodes)
    run.close()
    run = again(tmp_path / "run")
    assert run.problems == []
    run.close()


def test_two_folders_of_one_second_have_two_names(tmp_path, monkeypatch):
    from retune_widget.storage import places

    monkeypatch.setattr(places, "FOLDER", tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _format: "1970-01-01_00-00-00")
    stores = [places.open_store(None) for _ in range(3)]
    assert [store.path.name for store in stores] == [f"1970-01-01_00-00-00{end}" for end in ("", "_2", "_3")]
    for store in stores:
        store.close()
