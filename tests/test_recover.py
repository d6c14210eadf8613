"""Going on after a step that was stopped: what is refused moves nothing, and what is said is true."""

import pytest

import retune_widget as rt
from tests.faults import bits, make


def stopped_at(step, **options):
    """A run whose next step was stopped, and what makes it bad."""
    run, fault = make(**options)
    run.step(step) if step else None
    fault.at = step
    run.step(1)
    return run, fault


def all_of(run):
    return run.head, bits(run), run.problems, len(run.tree.nodes), len(run._helm.changes)


@pytest.mark.parametrize(
    ("how", "factor", "error"),
    [("lower lr", -1.0, ValueError), ("lower lr", float("inf"), rt.HyperparameterError), ("skip batch", 0.1, rt.StatusError)],
)
def test_what_is_refused_moves_nothing(how, factor, error):
    run, _ = stopped_at(3)
    before = all_of(run)
    with pytest.raises(error):
        run.recover(how, node="n0", factor=factor)
    assert all_of(run) == before
    assert run.set(lr=0.5).step == 3
    run.close()
