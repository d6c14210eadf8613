"""A run directory has one writer, and any number of readers that need no model."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import retune_widget as rt
from tests.resuming import again, train
from tests.rig import shape

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run"


def test_a_run_is_written_by_one_at_a_time(path):
    run = train(path)
    with pytest.raises(rt.StoreError, match=r"is open already, here or in another process: close\(\) it there"):
        again(path)
    code = f"""
        import retune_widget as rt
        from tests.resuming import again
        print(rt.open({str(path)!r}))
        try:
            again({str(path)!r})
        except rt.StoreError as error:
            print(error)
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert told[0].startswith("<SavedRun of")
    assert "is open already" in told[1]
    run.close()


def test_a_run_is_looked_at_while_it_trains(path):
    run = train(path)
    run.step(4)
    run.set(lr=0.5)
    run.flush()
    saved = rt.open(path)
    assert str(saved.history) == str(run.history)
    assert str(saved.changes) == str(run.changes)
    assert shape(saved) == shape(run)
    assert saved.compare("main").equals(run.compare("main"))
    assert saved.head.step == 4
    assert saved.info["seed"] == 0
    run.step(3)
    run.flush()
    assert len(saved.history) == 4
    saved.refresh()
    assert (len(saved.history), saved.head) == (7, run.head)
    run.close()


@pytest.mark.parametrize("head", [None, {}, {"branch": 7, "node": "n0"}, {"branch": 0, "node": "n7"}, {"node": []}])
def test_a_head_that_is_nowhere_is_a_clear_error_and_the_folder_is_left_free(path, head):
    run = train(path)
    run.step(2)
    run.flush()
    run._writer.save_info({"head": head})
    run._helm._closed = True
    run.close()
    for look in (rt.open, again):
        with pytest.raises(rt.StoreError, match="The records of this run do not fit together: its head is"):
            look(path)


def test_open_where_there_is_no_run(tmp_path):
    with pytest.raises(rt.StoreError, match="There is no run in"):
        rt.open(tmp_path / "nothing")


def test_a_run_in_a_folder_that_cannot_be_written_to_can_be_looked_at(path, monkeypatch):
    run = train(path)
    run.step(3)
    run.close()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert len(rt.open(path).history) == 3
