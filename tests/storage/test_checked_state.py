"""Every state that is captured passes the check, after a way through JSON; one that somebody else made does not."""

import copy
import json

import pytest
import torch

import retune_widget as rt
from retune_widget.engine.snapshot import Snapshot
from retune_widget.storage.checked_state import check_state
from tests.engine.laboratory import Odd, make_run
from tests.engine.test_golden import OPTIMIZERS

ODD = {"lr": 0.1}


def captured(run):
    run.step(3)
    snapshot = run._engine.capture()
    run.close()
    return Snapshot(snapshot.tensors, json.loads(json.dumps(snapshot.values)))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_every_optimizer_passes(name):
    check_state(captured(make_run(OPTIMIZERS[name])))
