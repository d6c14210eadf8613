"""Trains a run on a disk that fills up and is emptied again; prints `what=value` lines."""

import subprocess
import sys
from pathlib import Path

import torch

import retune_widget as rt
from tests.resuming import again, train


def tell(**facts):
    for name, fact in facts.items():
        print(f"{name.replace('_', ' ')}={fact}".replace("\n", " "), flush=True)  # noqa: T201  # the parent reads it


class Limit:
    """No file may grow beyond what the large ones have now."""

    def __init__(self, path):
        import resource

        self.path, self._resource = path, resource
        self._was = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self):
        largest = max(file.stat().st_size for file in self.path.glob("run.db*"))
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, (largest + 20_000, self._was[1]))

    def empty(self):
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, self._was)


class Ballast:
    """A file that takes the room of a small file system."""

    def __init__(self, folder):
        self.path, self._file = folder / "run", folder / "ballast"

    def fill(self):
        with self._file.open("wb", buffering=0) as file:
            for size in (65536, 4096):
                while wrote(file, size):
                    pass

    def empty(self):
        self._file.unlink()


def wrote(file, size):
    try:
        return file.write(bytes(size)) == size
    except OSError:
        return False


def wide():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(6, 30_000), torch.nn.Linear(30_000, 3))


def story(disk):
    run = train(disk.path, model=wide())
    run.step(4)
    before = run.checkpoint()
    run.flush()
    tell(status_before=before.checkpoint.status)
    disk.fill()
    run.step(5)
    node = run.checkpoint("while it is full")
    run.flush()
    tell(status_while_full=node.checkpoint.status, reason=node.checkpoint.error, steps_while_full=run.head.step)
    tell(problems_while_full=run.problems)
    disk.empty()
    run.flush()
    tell(status_after=node.checkpoint.status, problems_after=run.problems, digest=run.digest())
    run.close()
    run = train(disk.path, model=wide(), resume=True)
    tell(digest_resumed=run.digest())
    run.close()


def read_only(folder):
    run = train(folder / "run")
    run.step(5)
    run.close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        again(folder / "run")
    except rt.StoreError as error:
        tell(refused=error)
    tell(looked_at=len(rt.open(folder / "run").history))


if __name__ == "__main__":
    kind, place = sys.argv[1], Path(sys.argv[2])
    if kind != "limit":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=True)
    if kind == "read-only":
        read_only(place)
    else:
        story(Limit(place) if kind == "limit" else Ballast(place))
