"""A run with schedules that are set, scaled, held and swapped in mid-run; as a program it goes on with a saved one."""

import json
import sys

import torch

import retune_widget as rt
from retune_widget import schedules
from tests.engine.laboratory import Noisy, cross_entropy, network, seed_all

MIDDLE, END = 13, 22


def begin(path, *, driven, **options):
    """Noisy data, dropout, AdamW; `driven`: by a torch scheduler that cycles betas too."""
    seed_all()
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=40) if driven else None
    return rt.Run(
        model, optimizer, Noisy(), batch_size=8, loss_fn=cross_entropy, path=path, scheduler=scheduler, **options
    )


def first_half(run):
    """Up to the middle, with a change of every kind on the way."""
    run.step(3)
    run.schedule("weight_decay", schedules.exponential(0.2, 0.5, 6))
    if "lr" not in run.governed:
        run.schedule("lr", schedules.one_cycle(0.05, 30))
        run.schedule("betas[0]", schedules.linear(0.9, 0.7, 15))
    run.step(3)
    run.set({"lr": 0.02, "betas[0]": 0.85})
    run.hold("weight_decay")
    run.step(3)
    run.schedule("eps", schedules.step(1e-8, every=4, factor=10))
    run.release("weight_decay")
    run.step(2)
    run.schedule("weight_decay", schedules.cosine(0.1, 0.01, 9))
    run.set(weight_decay=0.3)
    run.step(MIDDLE - 11)
    return run.checkpoint()


def second_half(run):
    """From the middle to the end: all that can be compared."""
    run.step(5)
    run.hold("lr")
    run.step(END - MIDDLE - 5)
    its = run.lineage_history(run.head.branch)
    values = {key: its[key].tolist() for key in ("train/loss", "lr", "weight_decay", "betas[0]", "eps")}
    return {**values, "digest": run.digest(), "governed": {key: str(its) for key, its in run.governed.items()}}


def main(path, driven):
    """Go on with a saved run in this process."""
    torch.set_num_threads(1)
    run = begin(path, driven=driven, resume=True)
    result = second_half(run)
    run.close()
    print(json.dumps(result))  # noqa: T201  # what the test reads


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "driven")
