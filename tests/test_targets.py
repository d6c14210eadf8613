"""When each branch reached a goal."""

import pytest

from tests.curves import BUMPY, measured


def test_steps_and_seconds_to_the_target_of_each_branch():
    with measured(BUMPY) as run:
        run.step(20)
        run.branch(run.tree.root, lr=0.2, name="short")
        run.step(6)
        table = run.time_to_target("val/loss", 0.8).set_index("branch")
        assert table["reached"].tolist() == [True, False]
        assert (table.loc["main", "step"], table.loc["main", "value"], table.loc["main", "best"]) == (10, 0.8, 0.7)
        elapsed = run.history.query("branch == 'main' and step == 10")["elapsed"].item()
        assert (table.loc["main", "seconds"], table.loc["short", "best"]) == (elapsed, 0.9)
        assert run.time_to_target("val/loss", 1.0, "max")["step"].tolist() == [2, 2]
        with pytest.raises(ValueError, match=r"was never measured\. There are: train/loss, val/loss"):
            run.time_to_target("val/accuracy", 0.8)
        with pytest.raises(ValueError, match="mode must be"):
            run.time_to_target("val/loss", 0.8, "down")
