"""Small runs for the tests of steering: no dataset, no randomness, a step takes well under a millisecond."""

import threading
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import retune_widget as rt

torch.set_num_threads(1)
PATIENCE = 30
"""Seconds after which something that should have happened is taken to hang."""


def network(*, bias=True):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8, bias=bias), nn.Tanh(), nn.Linear(8, 2, bias=bias))


def batches(count=4):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 8, 4, generator=generator)
    return [(x, (x.sum(1) > 0).long()) for x in inputs]


def sgd(model, **options):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, **options})


@contextmanager
def running(optimizer=sgd, *, model=None, data=None, **options):
    """A run in memory that is closed at the end; `optimizer` is made of the model."""
    model = network() if model is None else model
    own = any(options.get(name) is not None for name in ("step", "loss_fn")) or options.pop("bare", False)
    options = {"path": ":memory:", "grad_norm": False, **({} if own else {"loss_fn": cross_entropy}), **options}
    run = rt.Run(model, optimizer(model), batches() if data is None else data, **options)
    try:
        yield run
    finally:
        run.close()


class Gate:
    """A step that waits inside until it is let through; `entered` says that it is inside."""

    def __init__(self):
        self._entered, self._allowed = threading.Semaphore(0), threading.Semaphore(0)
        self.open = threading.Event()
        self.optimizer = None
        self.seen = []

    def make(self, model):
        self.optimizer = sgd(model)
        return self.optimizer

    def __call__(self, _batch):
        self._entered.release()
        if not self.open.is_set():
            assert self._allowed.acquire(timeout=PATIENCE)
        self.seen.append(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()

    def entered(self):
        assert self._entered.acquire(timeout=PATIENCE)

    def let(self, steps=1):
        self._allowed.release(steps)

    def let_all(self):
        self.open.set()
        self._allowed.release()


def in_thread(function, *arguments):
    """Start a function in a thread; returns the thread and a list that its result or error goes to."""
    results = []

    def call():
        try:
            results.append(function(*arguments))
        except BaseException as error:  # noqa: BLE001  # result_of raises it
            results.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, results


def result_of(started):
    """What the function of `in_thread` returned."""
    thread, results = started
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it hangs"
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def parameters(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def shape(run):
    """Each node as (step, branch, cause, parent)."""
    return [
        (node.step, node.branch.name, node.cause, node.parent.id if node.parent else None) for node in run.tree.nodes
    ]


def names(run):
    return [branch.name for branch in run.tree.branches]
