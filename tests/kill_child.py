"""Trains a run, with changes and branches, until it is killed; prints each node whose checkpoint is saved."""

import contextlib
import random
import sys

import numpy as np
import torch

import retune_widget as rt
from tests.engine.laboratory import Noisy, cross_entropy, network


def main(path: str, seed: int) -> None:
    """Resume, check that every saved node restores to its digest, steer at random for ever."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    run = rt.Run(model, optimizer, Noisy(), batch_size=8, loss_fn=cross_entropy, path=path, resume=True)
    chance = random.Random(seed)
    print("resumed", run.head.step, len(run.history), flush=True)  # noqa: T201  # the parent reads it
    told: set[str] = set()
    while True:
        for node in run.tree.nodes:
            if node.saved and node.id not in told:
                told.add(node.id)
                print("saved", node.id, node.digest, flush=True)  # noqa: T201
        run.step(chance.randint(1, 5))
        match chance.randrange(6):
            case 0 | 1:
                run.set(lr=float(np.exp(chance.uniform(-7, -3))))
            case 2:
                run.checkpoint()
            case 3:
                run.branch(chance.choice([node for node in run.tree.nodes if not node.checkpoint.error]))
            case 4:
                with contextlib.suppress(rt.StatusError):  # there is nothing to undo
                    run.undo()
            case 5:
                ways = {branch for branch, _ in run.tree.path(run.tree.branch(run.head.branch))}
                others = [branch for branch in run.tree.branches if branch not in ways]
                if others:
                    nodes = set(run.tree.nodes)
                    run.delete_branch(chance.choice(others))
                    print("deleted", *(node.id for node in nodes - set(run.tree.nodes)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
