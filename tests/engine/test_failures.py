"""What raises in training: the run fails, keeps the error, and every node can still be restored, exactly."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

import retune_widget as rt
from retune_widget.engine import commands
from tests.rig import PATIENCE, batches, network, running, sgd


class Trouble:
    """Raises when its time comes."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self):
        self.calls += 1
        if self.calls == self.at:
            raise RuntimeError("trouble")


def straight(steps, **options):
    """The digest after that many steps without trouble."""
    with running(**options) as run:
        run.step(steps)
        return run.digest()


def in_the_loss(trouble):
    def loss_fn(output, target):
        trouble()
        return cross_entropy(output, target)

    return {"loss_fn": loss_fn}


def in_the_data(trouble):
    class Rows(Dataset):
        inputs, targets = (torch.cat(part) for part in zip(*batches(), strict=True))

        def __len__(self):
            return len(self.inputs)

        def __getitem__(self, index):
            if index == 0:  # read once when the run is made, for the fingerprint
                trouble()
            return self.inputs[index], self.targets[index]

    return {"data": Rows(), "batch_size": 8}


def in_a_metric(trouble):
    def metric(output, target):
        trouble()
        return (output.argmax(1) == target).float().mean()

    return {"val_data": batches(1), "metrics": {"accuracy": metric}, "eval_every": 1}


def in_the_evaluation(trouble):
    def evaluate():
        trouble()
        return {"loss": 1.0}

    return {"evaluate": evaluate, "eval_every": 1}


@pytest.mark.parametrize("place", [in_the_loss, in_the_data, in_a_metric, in_the_evaluation])
def test_the_run_fails_and_goes_on_exactly_from_its_last_node(place):
    expected = straight(6, **place(Trouble(0)))
    with running(**place(Trouble(5 if place is not in_the_data else 3))) as run:
        run.step(3)
        node = run.checkpoint("before")
        run.start()
        with pytest.raises(RuntimeError, match="trouble"):
            run.wait(PATIENCE)
        assert run.status == "failed"
        assert isinstance(run.error, RuntimeError)
        assert run.error.__traceback__ is not None
        run.restore(node)
        assert (run.status, run.error) == ("paused", None)
        run.wait()
        run.step(3)
        assert run.digest() == expected
        assert run.checkpoint().exact


def test_step_raises_what_the_step_raised():
    with running(**in_the_loss(Trouble(3))) as run:
        with pytest.raises(RuntimeError, match="trouble"):
            run.step(10)
        assert (run.status, run.head.step) == ("failed", 2)
        run.start()  # the same batch again
        run.pause()
        run.wait(PATIENCE)
        assert run.error is None


def test_a_node_after_an_error_in_a_step_says_that_it_is_not_exact_and_why():
    with running(**in_the_loss(Trouble(3))) as run:
        with pytest.raises(RuntimeError):
            run.step(3)
        node = run.checkpoint()
        assert (node.exact, node.why) == (False, "the loop was left inside step 3")
        assert run.problems == ["Not exact: the loop was left inside step 3."]
        run.restore(run.tree.root)
        assert run.problems == []
        run.restore(node)
        run.step()
        assert not run.checkpoint().exact


def test_an_error_between_two_steps_leaves_it_exact():
    with running(**in_a_metric(Trouble(3))) as run:
        with pytest.raises(RuntimeError):
            run.step(3)
        assert run.head.step == 3
        assert run.checkpoint().exact


def test_a_step_that_ends_the_interpreter_fails_the_run_instead():
    def step(_batch):
        raise SystemExit(3)

    with running(step=step) as run:
        run.start()
        with pytest.raises(SystemExit):
            run.wait(PATIENCE)
        assert run.status == "failed"


def test_commands_that_wait_when_it_fails_are_answered():
    answers = []

    def step(_batch):
        answers.append(run.set(lr=0.5))
        answers.append(run._runner.submit(commands.TakeCheckpoint()))
        raise RuntimeError("trouble")

    with running(step=step) as run:
        with pytest.raises(RuntimeError, match="trouble"):
            run.step()
        assert answers[0].result(PATIENCE).used_from == 1
        assert answers[1].result(PATIENCE).cause == "manual"
        assert run.status == "failed"


def test_a_refused_command_does_not_disturb_training():
    with running() as run:
        run.start()
        for call in (lambda: run.set(lr=-1), lambda: run.restore("n77"), lambda: run.branch("n0", lrr=1), run.undo):
            with pytest.raises(rt.RetuneError):
                call()
        assert run.status == "running"
        run.pause()


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"loss": torch.zeros(2)}, "The metric 'loss' must be one number; it is a tensor of shape"),
        ({"loss": "low"}, "The metric 'loss' must be a number or a tensor with one element, not str"),
    ],
)
@pytest.mark.parametrize("where", ["step", "evaluate"])
def test_a_metric_that_is_no_number_fails_with_its_name(result, words, where):
    options = {"step": lambda _batch: result} if where == "step" else {"evaluate": lambda: result, "eval_every": 1}
    with running(**options) as run, pytest.raises(TypeError, match=words.replace("loss", "(val/)?loss")):
        run.step()


def test_a_state_that_cannot_be_captured_at_the_end_is_a_failure_and_not_silent():
    model = network()
    with running(model=model) as run:
        run.step(2)
        run._engine.live.registered["bad"] = (lambda: 1 / 0, lambda _value: None)
        assert isinstance(run._runner.submit(commands.Stop()).exception(PATIENCE), ZeroDivisionError)
        assert run.status == "failed"
        with pytest.raises(ZeroDivisionError):
            run.wait(PATIENCE)


def test_a_model_of_another_shape_is_refused_with_the_first_tensor_that_differs():
    model = network()
    with running(model=model) as run:
        run.step(2)
        node = run.checkpoint()
        run.step(1)
        model[2].weight = nn.Parameter(torch.zeros(3, 8))
        with pytest.raises(rt.RestoreError, match=r"parameter '2.weight' is \(3, 8\) of float32 now and \(2, 8\)"):
            run.restore(node)
        assert run.head.step == 3


def test_the_scheduler_takes_part_in_going_back():
    model = network()
    optimizer = sgd(model)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    with running(lambda _: optimizer, model=model, scheduler=scheduler) as run:
        run.step(3)
        node = run.checkpoint()
        run.step(4)
        expected = run.digest()
        run.restore(node)
        run.step(4)
        assert run.digest() == expected
