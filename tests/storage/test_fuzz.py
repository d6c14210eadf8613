"""Run directories with random damage are opened: a clear error or a run, and nothing else, whatever is in them."""

import os
import shutil
import sqlite3
import threading

import pytest
import torch

import retune_widget as rt
from retune_widget.storage.checked_state import check_state
from retune_widget.storage.disk_reader import DiskReader
from tests.resuming import network, train
from tests.storage.mutations import chance_of, mutate

CASES = int(os.environ.get("RETUNE_FUZZ", "300"))
"""10,000 in `make soak`."""
FIRST = int(os.environ.get("RETUNE_FUZZ_FIRST", "0"))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "run"
    run = train(path)
    run.step(3)
    run.set(lr=0.03)
    run.step(2)
    run.branch("n0", lr=0.002, name="slower")
    run.step(2)
    run.checkpoint("here")
    run.close()
    db = sqlite3.connect(path / "run.db")
    db.execute("PRAGMA journal_mode = DELETE")  # one file, so that a copy is small
    db.close()
    return path


def test_the_original_is_sound(original, tmp_path):
    path = shutil.copytree(original, tmp_path / "run")
    assert look(path) == [
        "opened",
        "loaded",
        "loaded",
        "loaded",
        "resumed",
        "repaired",
        "opened after it",
        "sound after it",
    ]


@pytest.mark.timeout(60 + CASES)
def test_a_damaged_directory_is_an_error_or_a_run(original, tmp_path):
    outcomes = {}
    threads = threading.active_count()
    for number in range(FIRST, FIRST + CASES):
        path = shutil.copytree(original, tmp_path / "run")
        done = "not done"
        try:
            done = mutate(path, chance_of(number))
            for outcome in look(path):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        except Exception as error:
            how = f"RETUNE_FUZZ=1 RETUNE_FUZZ_FIRST={number} pytest tests/storage/test_fuzz.py"
            raise AssertionError(f"{type(error).__name__}: {error}. To reproduce: {how}. Done: {done}") from error
        shutil.rmtree(path)
    print(dict(sorted(outcomes.items())))  # noqa: T201  # for `make soak`
    assert threading.active_count() <= threads + 2
    assert "without a reason" not in outcomes
    if CASES >= 300:
        assert all(outcomes.get(word, 0) > CASES / 20 for word in ("opened", "not opened", "resumed", "not resumed"))


def look(path):
    """Do all that reads a run directory; returns what came of it."""
    told = []

    def attempt(word, use):
        try:
            use()
        except (rt.StoreError, rt.RestoreError) as error:
            told.append(f"not {word}" if len(str(error)) > 20 else "without a reason")
        else:
            told.append(word)

    attempt("opened", lambda: read(rt.open(path)))
    try:
        reader = DiskReader(path, check_state)
    except rt.StoreError:
        told.append("not read")
    else:
        for (name,) in ids(path):
            attempt("loaded", lambda name=name: reader.load_checkpoint(name))
        reader.close()
    attempt("resumed", lambda: resume(path))
    attempt("repaired", lambda: rt.repair(path))
    if told[-1] == "repaired":
        attempt("opened after it", lambda: read(rt.open(path)))
        attempt("sound after it", lambda: sound(path))
    return told


def sound(path):
    report = rt.repair(path)
    assert not report.damage, report


def read(run):
    assert [run.history, run.changes, run.nodes, run.compare([node.id for node in run.tree.nodes]), repr(run), run.head]
    for branch in run.tree.branches:
        run.lineage_history(branch)


def ids(path):
    db = sqlite3.connect(path / "run.db")
    try:
        return db.execute("SELECT id FROM checkpoints").fetchall()
    except sqlite3.Error:
        return []
    finally:
        db.close()


def resume(path):
    """Nothing of the live objects may change where a run cannot be resumed."""
    model = network()
    before = [its.clone() for its in model.parameters()]
    draws = torch.get_rng_state()
    try:
        run = train(path, model=model, resume=True)
    except (rt.StoreError, rt.RestoreError):
        assert all(torch.equal(*its) for its in zip(before, model.parameters(), strict=True))
        assert torch.equal(draws, torch.get_rng_state())
        raise
    read(run)
    run._helm._closed = True  # nothing is written at the end
    run.close()
