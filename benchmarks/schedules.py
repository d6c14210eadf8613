"""Do dynamic learning rates converge 20 % faster and end 5 % better than a fixed one? `make bench-claims`.

Prints what it finds and writes it to its part of benchmarks/README.md. `--quick` is a small form that only prints.
"""

import argparse
import contextlib
import itertools
import math
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.quasirandom import SobolEngine
from torch.utils.data import TensorDataset

import retune_widget as rt
from benchmarks import published
from benchmarks.claim_table import Found, report
from benchmarks.schedule_tasks import TARGETS, WAYS, task
from retune_widget.policies import NaNGuard

LOWEST, HIGHEST = 0.003, 1.0
"""The peak learning rates that are tried."""


@dataclass(frozen=True)
class Plan:
    """How much is trained."""

    steps: int = 1500
    eval_every: int = 25
    trials: int = 16
    tuning_seeds: tuple[int, ...] = (500, 501)
    seeds: tuple[int, ...] = tuple(range(1000, 1010))


QUICK = Plan(40, 10, 2, (500,), (1000, 1001))


@dataclass(frozen=True)
class Job:
    """One training."""

    task: str
    way: str
    peak: float
    seed: int
    plan: Plan


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        job: what was trained.
        finished: false where the loss or a gradient was not finite: then the run paused before it, and stays there.
        reached: the step of the first measurement at or above the target; None: there was none.
        accuracy, loss: on the validation data, at the last measurement.
        test: the accuracy on the test data at the end.
        fired: how often the rule did something.
    """

    job: Job
    finished: bool
    reached: int | None
    accuracy: float
    loss: float
    test: float
    fired: int


def train(job: Job) -> Outcome:
    """Train once."""
    torch.set_num_threads(1)
    its, way = task(job.task), WAYS[job.way]
    torch.manual_seed(job.seed)
    model = its.network()
    with contextlib.closing(
        rt.Run(
            model,
            torch.optim.SGD(model.parameters(), lr=job.peak, momentum=0.9, weight_decay=5e-4),
            its.train,
            loss_fn=nn.functional.cross_entropy,
            batch_size=64,
            val_data=its.validation,
            metrics={"accuracy": _accuracy},
            eval_every=job.plan.eval_every,
            schedules={"lr": way.schedule(job.peak, job.plan.steps)} if way.schedule else None,
            policies=[NaNGuard(), *([way.rule()] if way.rule else [])],
            seed=job.seed,
            path=":memory:",
        )
    ) as run:
        run.step(job.plan.steps)
        return _outcome(job, run, _tested(model, its.test))


def _outcome(job: Job, run: rt.Run, test: float) -> Outcome:
    if run.head.step < job.plan.eval_every:  # stopped before the first measurement
        return Outcome(job, finished=False, reached=None, accuracy=0.0, loss=math.inf, test=test, fired=0)
    measured = run.history.dropna(subset="val/accuracy").iloc[-1]
    found = run.time_to_target("val/accuracy", TARGETS[job.task]).iloc[0]
    return Outcome(
        job,
        finished=run.head.step == job.plan.steps,
        reached=int(found["step"]) if found["reached"] else None,
        accuracy=float(measured["val/accuracy"]),
        loss=float(measured["val/loss"]),
        test=test,
        fired=sum(len(status.fired) for status in run.policies if status.name != "NaNGuard"),
    )


def _accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output.argmax(1) == target).float().mean()


def _tested(model: nn.Module, data: TensorDataset) -> float:
    model.eval()
    with torch.no_grad():
        inputs, targets = data.tensors
        return float(_accuracy(model(inputs), targets))


def peaks(trials: int) -> list[float]:
    """The learning rates to try: quasi-random, even on a logarithmic scale, and the same for each way."""
    drawn = SobolEngine(1, scramble=True, seed=0).draw(trials).flatten().tolist()
    return [LOWEST * (HIGHEST / LOWEST) ** float(part) for part in drawn]


def tuned(outcomes: Iterable[Outcome]) -> float:
    """The peak with the best mean validation accuracy at the end, then the lowest loss; unfinished runs come last."""
    by_peak: dict[float, list[Outcome]] = {}
    for its in outcomes:
        by_peak.setdefault(its.job.peak, []).append(its)

    def merit(peak: float) -> tuple[bool, float, float]:
        its = by_peak[peak]
        accuracy, loss = np.mean([one.accuracy for one in its]), np.mean([one.loss for one in its])
        return all(one.finished for one in its), float(accuracy), -float(loss)

    return max(by_peak, key=merit)


Map = Callable[[Callable[[Job], Outcome], Sequence[Job]], Iterable[Outcome]]


def compare(plan: Plan, run_all: Map) -> list[Found]:
    """Tune each way on each task, then train it with each seed."""
    pairs = list(itertools.product(TARGETS, WAYS))
    trials = [
        Job(name, way, peak, seed, plan)
        for (name, way), peak, seed in itertools.product(pairs, peaks(plan.trials), plan.tuning_seeds)
    ]
    of_pair: dict[tuple[str, str], list[Outcome]] = {pair: [] for pair in pairs}
    for its in run_all(train, trials):
        of_pair[its.job.task, its.job.way].append(its)
    peak_of = {pair: tuned(its) for pair, its in of_pair.items()}
    print("tuned:", {" ".join(pair): f"{peak:.3g}" for pair, peak in peak_of.items()}, flush=True)
    jobs = [Job(*pair, peak_of[pair], seed, plan) for pair in pairs for seed in plan.seeds]
    results: dict[tuple[str, str], list[Outcome]] = {pair: [] for pair in pairs}
    for its in run_all(train, jobs):
        results[its.job.task, its.job.way].append(its)
    return [
        Found(
            *pair,
            peak=peak_of[pair],
            reached=[its.reached for its in results[pair]],
            test=[its.test for its in results[pair]],
            unfinished=sum(not its.finished for its in results[pair]),
            fired=float(np.mean([its.fired for its in results[pair]])),
            censored_at=plan.steps,
        )
        for pair in pairs
    ]


def _told(outcomes: Iterable[Outcome], count: int) -> Iterable[Outcome]:
    for number, its in enumerate(outcomes, 1):
        if number % 20 == 0 or number == count:
            print(f"{number} of {count} trainings", flush=True)
        yield its


def _in_processes(pool: ProcessPoolExecutor, work: Callable[[Job], Outcome], jobs: Sequence[Job]) -> Iterable[Outcome]:
    return _told(pool.map(work, jobs, chunksize=2), len(jobs))


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few short trainings in this process; writes nothing")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    if asked.quick:
        print(report(compare(QUICK, map), TARGETS, WAYS, QUICK))
        return
    plan = Plan()
    with ProcessPoolExecutor(asked.processes, multiprocessing.get_context("spawn")) as pool:
        found = compare(plan, partial(_in_processes, pool))
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = report(found, TARGETS, WAYS, plan)
    text += (
        f"\n\nMeasured on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, torch "
        f"{torch.__version__}: {(cpu.ru_utime + cpu.ru_stime) / 60:.0f} minutes of CPU time, "
        f"{(time.monotonic() - begun) / 60:.0f} minutes with {asked.processes} processes of one thread."
    )
    print(text)
    page = published.README.read_text(encoding="utf-8")
    published.README.write_text(published.with_part(page, "claims", text), encoding="utf-8")


if __name__ == "__main__":
    main()
