"""Schedules that were set, scaled and held in mid-run: back to the bit, in place, trained again, in a new process."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import retune_widget as rt
from tests.resuming import lose
from tests.schedules_rig import MIDDLE, begin, first_half, second_half

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=["ours", "driven"])
def kind(request):
    return request.param


@pytest.fixture
def expected(kind):
    """A run that never goes back."""
    run = begin(":memory:", driven=kind == "driven")
    first_half(run)
    result = second_half(run)
    run.close()
    assert len(set(result["lr"])) > 10
    return result


def test_in_place(kind, expected):
    run = begin(":memory:", driven=kind == "driven")
    node = first_half(run)
    run.flush()  # the node has its digest
    for _ in range(2):
        assert second_half(run) == expected
        run.set(lr=0.1)
        run.release("lr")
        run.schedule("betas[0]", None if kind == "ours" else rt.schedules.constant(0.5))
        run.step(3)
        run.restore(node)
        assert run.digest() == node.digest
    assert all(run.verify(its) for its in run.tree.nodes[1:])
    run.close()


def test_evicted_nodes_are_trained_again(kind, expected):
    run = begin(":memory:", driven=kind == "driven")
    node = first_half(run)
    digest = run.digest()
    second_half(run)
    run.flush()
    for its in run.tree.nodes[1:-1]:
        run.evict(its)
    assert node.checkpoint.evicted
    run.restore(node)
    assert run.digest() == node.digest == digest
    assert second_half(run) == expected
    run.close()


@pytest.mark.parametrize("end", [rt.Run.close, lose])
def test_in_a_new_process(kind, expected, end, tmp_path):
    run = begin(tmp_path / "run", driven=kind == "driven")
    first_half(run)
    end(run)
    command = [sys.executable, "-m", "tests.schedules_rig", str(tmp_path / "run"), kind]
    came = subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True)
    assert json.loads(came.stdout) == expected


def test_changes_that_were_in_force_and_not_checkpointed_are_put_in_force_again(kind, tmp_path):
    """The process ends right after the changes at a boundary, before any step was trained with them."""
    run = begin(tmp_path / "run", driven=kind == "driven")
    run.step(MIDDLE)
    run.schedule("eps", rt.schedules.linear(1e-8, 1e-6, 4))
    run.schedule("weight_decay", rt.schedules.constant(0.3))
    run.set(weight_decay=0.15, lr=0.03)
    governed, values = dict(run.governed), dict(run._engine.values())
    lose(run)
    again = begin(tmp_path / "run", driven=kind == "driven", resume=True)
    assert dict(again.governed) == governed
    assert dict(again._engine.values()) == values
    again.step(3)
    assert all(again.verify(node) for node in again.tree.nodes[1:])
    saved = rt.open(tmp_path / "run")
    assert saved.changes.governed.tolist() == run.changes.governed.tolist()
    assert [node.changes for node in saved.tree.nodes][1] == run.tree.nodes[1].changes
    again.close()


def test_a_schedule_that_is_not_known_is_refused_before_anything_is_moved(tmp_path):
    run = begin(tmp_path / "run", driven=False)
    run.schedule("lr", rt.schedules.constant(0.5))
    run.step(1)
    node = run.checkpoint()
    run.step(1)
    state = run._writer.load_checkpoint(node.checkpoint)
    digest, saved = run.digest(), state.values["governed"]["lr"]
    newer = {**saved, "curve": {**saved["curve"], "kind": "spiral"}}
    for bad in (
        {"lr": newer},
        {"lr": {**saved, "since": "1"}},
        {"lr": {**saved, "held": []}},
        {"lr": {}},
        {"lr": 1},
        [],
    ):
        state.values["governed"] = bad
        with pytest.raises(rt.RestoreError, match=r"cannot be put in force|does not say who decides"):
            run._engine.restore(state)
        assert run.digest() == digest
    run.close()


def test_who_decides_is_read_from_the_disk_only_if_it_says_what_it_should(tmp_path):
    run = begin(tmp_path / "run", driven=False)
    run.schedule("lr", rt.schedules.constant(0.5))
    run.close()
    db = sqlite3.connect(tmp_path / "run" / "run.db")
    where = "record LIKE '%constant%'"
    (text,) = db.execute(f"SELECT record FROM nodes WHERE {where}").fetchone()
    for bad in (7, [None, None], [None, {"curve": None}, "words"], [None, {"curve": 1}, "words"]):
        record = json.loads(text)
        record["changes"][0][4] = bad
        db.execute(f"UPDATE nodes SET record = ? WHERE {where} OR id = ?", (json.dumps(record), record["id"]))
        db.commit()
        with pytest.raises(rt.StoreError, match="in a node, 'changes' cannot be"):
            rt.open(tmp_path / "run")
    db.close()
