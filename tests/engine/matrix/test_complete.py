"""The matrix has every optimizer and every scheduler that this version of torch has."""

import pytest
from torch import nn, optim
from torch.optim import lr_scheduler, swa_utils

from tests.engine.matrix.cases import CASES

SHARED = {lr_scheduler._LRScheduler}
"""The base class under its old name."""


def kinds(base):
    """The subclasses of torch's own, and theirs."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith("torch.optim"):
            yield kind
        yield from kinds(kind)


def parts(schedulers):
    for scheduler in schedulers:
        yield scheduler
        yield from parts(getattr(scheduler, "_schedulers", ()))


def used(word):
    made = [case().get(word) for case in CASES.values()]
    return {type(its) for its in parts(made)}


def test_every_optimizer_is_in_the_matrix():
    assert set(kinds(optim.Optimizer)) - used("optimizer") == set()


def test_every_scheduler_is_in_the_matrix():
    assert swa_utils.SWALR in set(kinds(lr_scheduler.LRScheduler))
    assert set(kinds(lr_scheduler.LRScheduler)) - used("scheduler") - SHARED == set()


CAPTURABLE = [optim.Adadelta, optim.Adam, optim.AdamW, optim.Adamax, optim.ASGD, optim.NAdam, optim.RAdam,
              optim.RMSprop, optim.Rprop]  # fmt: skip


@pytest.mark.parametrize("kind", CAPTURABLE, ids=lambda kind: kind.__name__)
def test_capturable_is_not_in_the_matrix_as_torch_refuses_it_on_the_cpu(kind):
    parameter = nn.Parameter(nn.Linear(1, 1).weight.detach())
    parameter.grad = parameter.detach().clone()
    with pytest.raises(AssertionError, match="capturable=True"):
        kind([parameter], lr=0.1, capturable=True).step()
