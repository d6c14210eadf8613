"""The end of a run: close, while it trains or not, and the end of the interpreter."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import retune_widget as rt
from retune_widget.engine import commands
from tests.rig import PATIENCE, Gate, in_thread, result_of, running

ROOT = Path(__file__).resolve().parents[2]


def test_a_closed_run_can_be_read_and_not_trained():
    with running() as run:
        run.step(3)
        run.close()
        run.close()
        assert len(run.history) == 3
        assert run.head.step == 3
        for call in (run.start, run.step, run.checkpoint, lambda: run.set(lr=0.5), lambda: next(run.batches())):
            with pytest.raises(rt.StatusError, match="This run is closed: it can be read, not trained"):
                call()


def test_close_while_it_trains_finishes_the_step_at_hand():
    gate = Gate()
    with running(gate.make, step=gate) as run:
        run.start()
        gate.entered()
        asked = run._runner.submit(commands.SetHyperparameters({"lr": 0.5}))
        counted = run._runner.submit(commands.TrainSteps(5))
        closing = in_thread(run.close)
        with run._runner._changed:
            assert run._runner._changed.wait_for(lambda: run._runner._closed, PATIENCE)
        gate.let()
        result_of(closing)
        assert len(run.history) == 1
        assert asked.done()
        assert counted.done()
        assert run.status == "paused"
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("retune-training")]


LOOP_LEFT = "run.pause(); run.wait(); loop = run.batches(); next(loop)"


@pytest.mark.parametrize("ending", ["", "run.pause()", "raise SystemExit(0)", LOOP_LEFT])
def test_the_interpreter_ends_with_a_run_that_trains(ending, tmp_path):
    code = f"""
        from tests.rig import network, batches, sgd, cross_entropy, rt
        model = network()
        run = rt.Run(model, sgd(model), batches(), loss_fn=cross_entropy, path={str(tmp_path / "run")!r})
        run.step(5)
        run.start()
        {ending}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, timeout=60, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
