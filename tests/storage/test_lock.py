"""One writer a run: whatever becomes of the one before, and whatever the file system can do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import retune_widget as rt
from retune_widget.storage import DiskStore, Writer
from retune_widget.storage.disk_reader import DiskReader
from tests.resuming import again, train
from tests.storage.states import node

ROOT = Path(__file__).resolve().parents[2]
HELD = """
import sys
from retune_widget.storage import DiskStore
store = DiskStore(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_is_free(path):
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(rt.StoreError, match=r"is open already.*To look at it meanwhile: retune_widget\.open"):
            DiskStore(path)
        DiskReader(path).close()
        child.kill()
        child.wait()
    assert (path / "lock").exists()
    DiskStore(path).close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_refused_with_advice(path, monkeypatch, number):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    advice = "another one" if number == errno.EIO else "keep the run on a local disk"
    with pytest.raises(rt.StoreError, match=f"cannot be opened: .*{advice}"):
        DiskStore(path)
    monkeypatch.undo()
    DiskStore(path).close()


def is_refused(use):
    try:
        use()
    except rt.StoreError as error:
        return "a fork of it cannot" in str(error)
    return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 warns where there are threads
def test_a_fork_neither_writes_nor_lets_go(store, path):
    writer = Writer(store)
    child = os.fork()
    if child == 0:
        uses = (lambda: store.save_node(node()), lambda: writer.save_node(node()), writer.flush)
        refused = sum(map(is_refused, uses))
        writer.close()
        store.close()
        os._exit(refused + (not store._closed))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    with pytest.raises(rt.StoreError, match="is open already"):
        DiskStore(path)
    writer.save_node(node())
    assert writer.flush(20)
    assert store.load().nodes == [node()]
    writer.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_that_ends_leaves_the_run_alone(path):
    """As after `os.fork()` in a cell: what is to be done at exit is done by one process alone."""
    code = f"""
        import os, sys
        from tests.resuming import train
        run = train({str(path)!r})
        run.step(2)
        run.flush()
        if os.fork() == 0:
            sys.exit()
        assert os.wait()[1] == 0
        run.step(2)
        run.close()
    """
    lines = "\n".join(line.strip() if "exit()" not in line else "    sys.exit()" for line in code.splitlines())
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", lines]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert done.stderr == ""  # what a fork does at its end fails with no more than a traceback
    assert rt.open(path).head.step == 4
    run = again(path)
    assert len(run.history) == 4
    run.close()


def test_a_run_that_is_open_can_be_looked_at_and_resumed_once_it_is_closed(path):
    run = train(path)
    run.step(2)
    run.flush()
    with pytest.raises(rt.StoreError, match="is open already"):
        again(path)
    assert rt.open(path).head.step == 2
    run.close()
    again(path).close()
