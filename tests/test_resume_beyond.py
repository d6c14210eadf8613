"""What was changed beside the optimizer is in force in a new process, bit for bit."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.engine.laboratory import losses
from tests.engine.regularised import CHANGES, make, model

CHILD = """
import sys, torch
torch.set_num_threads(1)
from tests.test_resume_beyond import again
run = again(sys.argv[1])
run.step(7)
print(run.digest())
run.close()
"""


def again(path):
    network = model()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    return make(network=network, path=path, resume=True)


def changed(path, values):
    run = make(path=path)
    run.step(6)
    run.set(values)
    return run


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("key", CHANGES)
def test_each_is_in_force_again(tmp_path, key, steps):
    plain, first = (changed(path, {key: CHANGES[key]}) for path in (":memory:", tmp_path / "run"))
    for run in (plain, first):
        if steps:
            run.step(steps)
    first.close()
    second = again(tmp_path / "run")
    assert second.hyperparameters[key].value == CHANGES[key]
    assert second.problems == []
    for run in (plain, second):
        run.step(7)
    assert losses(second) == losses(plain)
    assert second.digest() == plain.digest()
    plain.close()
    second.close()


def test_all_in_a_process_of_its_own(tmp_path):
    plain, first = (changed(path, CHANGES) for path in (":memory:", tmp_path / "run"))
    first.step(2)
    first.close()
    plain.step(9)
    expected = plain.digest()
    plain.close()
    found = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "run")],
        capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    assert found.stdout.split() == [expected]


def test_a_checkpoint_without_them_is_restored_to_their_first_values():
    """As those of the first version are: nothing of now is left in force."""
    run = make()
    run.step(2)
    snapshot = run._engine.capture()
    del snapshot.values["settings"]
    run.set({key: CHANGES[key] for key in ("l1", "l2", "grad_clip", "label_smoothing", "accumulate")})
    run._engine.restore(snapshot)
    values = {key: run.hyperparameters[key].value for key in ("l1", "l2", "grad_clip", "label_smoothing", "accumulate")}
    assert values == {"l1": 0, "l2": 0, "grad_clip": 0, "label_smoothing": 0, "accumulate": 1}
    run.close()
