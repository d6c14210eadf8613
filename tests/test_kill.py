"""A training process is killed at any moment, again and again: what it said was saved is there, and it goes on.

An evicted node is there too: the next process trains it again to its digest.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import retune_widget as rt
from retune_widget.storage.disk_reader import DiskReader

ROOT = Path(__file__).resolve().parents[1]
KILLS = int(os.environ.get("RETUNE_KILLS", "4"))
"""100 in `make soak`."""


@pytest.mark.timeout(60 + 20 * KILLS)
def test_a_run_survives_kill_9_and_goes_on_each_time(tmp_path):
    chance, path = random.Random(KILLS), tmp_path / "run"
    saved: dict[str, str] = {}
    for kill in range(KILLS):
        told = killed(path, seed=kill, after=chance.randrange(3, 40))
        assert told[0][0] == "resumed"
        for word, *rest in told[1:]:
            if word == "saved":
                saved[rest[0]] = rest[1]
            else:
                saved = {node: digest for node, digest in saved.items() if node not in rest}
        check(path, saved)


def killed(path, *, seed, after):
    """Let a child train, kill it after so many lines, and return the words of each whole line that it wrote."""
    command = [sys.executable, "-m", "tests.kill_child", str(path), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout.readlines()
    assert all(lines[:after]), "the child ended by itself"
    return [line.split() for line in lines if line.endswith("\n")]


def check(path, saved):
    """Every node that was said to be saved is there with its bits; the history has no hole."""
    run = rt.open(path)
    reader = DiskReader(path)
    for name, digest in saved.items():
        node = run.tree.node(name)
        assert node.digest == digest
        assert node.saved != node.checkpoint.evicted
        assert node.saved or run.seconds_to_restore(node) is not None
        assert node.checkpoint.evicted or reader.load_checkpoint(node.checkpoint.id).digest() == digest
    reader.close()
    for branch in run.tree.branches:
        steps = run.history.loc[run.history.branch == branch.name, "step"].to_numpy()
        assert np.array_equal(steps, np.arange(branch.fork_step + 1, branch.fork_step + 1 + len(steps)))
