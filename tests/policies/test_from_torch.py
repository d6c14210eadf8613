"""A torch scheduler's coming values as a table; the scheduler is left as it is."""

import copy

import pytest
import torch
from torch import optim

from retune_widget import schedules
from retune_widget.errors import ScheduleError
from tests.engine.matrix.schedulers import CYCLING, SCHEDULERS

STEPS = 30


def sgd(**options):
    return optim.SGD([torch.zeros(2)], **{"lr": 0.1, "momentum": 0.9, **options})


def gone(optimizer, scheduler, steps):
    for _ in range(steps):
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("begin", [0, 7])
@pytest.mark.parametrize("name", [*SCHEDULERS, *CYCLING])
def test_what_it_would_give_from_where_it_stands(name, begin):
    optimizer = sgd()
    scheduler = {**SCHEDULERS, **CYCLING}[name](optimizer)
    gone(optimizer, scheduler, begin)
    fields, state = copy.deepcopy(optimizer.param_groups), copy.deepcopy(str(scheduler.state_dict()))
    table = schedules.from_torch(scheduler, STEPS)
    momentum = schedules.from_torch(scheduler, STEPS, field="momentum")
    assert str(optimizer.param_groups) == str(fields)
    if "object" not in name:  # whose state dict has addresses in it
        assert str(scheduler.state_dict()) == state
    for step in range(STEPS):
        assert table(step) == optimizer.param_groups[0]["lr"]
        assert momentum(step) == optimizer.param_groups[0]["momentum"]
        gone(optimizer, scheduler, 1)


def test_before_the_first_step_without_a_warning_and_of_any_group():
    groups = [{"params": [torch.zeros(1)], "lr": torch.tensor(0.5)}, {"params": [torch.zeros(1)], "lr": 0.25}]
    optimizer = optim.Adam(groups)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    assert [schedules.from_torch(scheduler, 3)(step) for step in range(3)] == [0.5, 0.25, 0.125]
    assert [schedules.from_torch(scheduler, 3, group=1)(step) for step in range(3)] == [0.25, 0.125, 0.0625]
    assert schedules.from_torch(scheduler, 3, field="betas", element=0)(2) == 0.9
    assert groups[0]["lr"] == 0.5


def test_what_cannot_be_tabulated():
    optimizer = sgd()
    with pytest.raises(ScheduleError, match="ReduceLROnPlateau follows a metric"):
        schedules.from_torch(optim.lr_scheduler.ReduceLROnPlateau(optimizer), 10)
    with pytest.raises(ScheduleError, match="from_torch needs a scheduler"):
        schedules.from_torch(optimizer, 10)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for bad in ({"group": 3}, {"field": "lrr"}, {"field": "params"}, {"field": "lr", "element": 0}):
        with pytest.raises(ScheduleError, match="The optimizer has no number"):
            schedules.from_torch(scheduler, 10, **bad)
    with pytest.raises(ScheduleError, match="steps must be a whole number"):
        schedules.from_torch(scheduler, 0)
