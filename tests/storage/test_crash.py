import random
import subprocess
import sys
from pathlib import Path

from retune_widget.storage import DiskStore

ROOT = Path(__file__).parents[2]
KILLS = 3


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    """A killed process leaves the page cache: this proves the order of the writes, not the syncs."""
    chance = random.Random(0)
    acknowledged: dict[int, str] = {}
    for kill in range(KILLS):
        command = [sys.executable, "-m", "tests.storage.crash_child", str(tmp_path / "run"), str(1000 * kill)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        wanted = chance.randrange(5, 40)
        lines = [child.stdout.readline() for _ in range(wanted)]
        child.kill()
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        for line in lines:
            if line.endswith("\n") and line.strip():
                checkpoint, digest = line.split()
                acknowledged[int(checkpoint[1:])] = digest
        assert len(acknowledged) >= wanted
        check(DiskStore(tmp_path / "run"), acknowledged)


def check(store: DiskStore, acknowledged: dict[int, str]) -> None:
    record = store.load()
    stored = {int(checkpoint["id"][1:]) for checkpoint in record.checkpoints}
    nodes = {int(node["id"][1:]) for node in record.nodes}
    deletable = {i for i in acknowledged if i % 5 == 0}
    assert set(acknowledged) - deletable <= stored
    assert stored <= nodes
    assert set(acknowledged) <= set(record.history[0].steps.tolist())
    for i in stored:
        digest = store.load_checkpoint(f"c{i}").digest()
        assert digest == acknowledged.get(i, digest)
    assert list((store.path / "checkpoints").glob("*.tmp")) == []
    store.close()
