"""Rules shown synthetic curves, without any training."""

import numpy as np
import pandas as pd

from retune_widget.policies import Now
from retune_widget.policies.action import resolve
from retune_widget.policies.policy import look


def table(**columns):
    """A lineage: one row a step, from step 1 on. NaN: not measured."""
    length = len(next(iter(columns.values())))
    return pd.DataFrame({"step": range(1, length + 1), "elapsed": np.arange(1.0, length + 1), **columns})


def show(rule, values, *, in_force=None, others=None, acts=False):
    """Show a curve, one value a step; returns (step, action) of each firing but "keep".

    `acts`: what it sets is in force in the next step, in `in_force` itself.
    """
    columns = {**(others or {}), rule.metric: list(values)}
    fired = []
    for step, value in enumerate(values, 1):

        def past(name, step=step):
            its = np.array(columns[name][:step], float)
            measured = ~np.isnan(its)
            return np.arange(1, step + 1)[measured], its[measured]

        action = look(rule, Now(step, value, float(step), in_force or {"lr": 0.1}, past))
        if action is not None and action.kind != "keep":
            fired.append((step, action))
            if acts:
                in_force.update(resolve(action.values, in_force))
    return fired


def steps_of(fired):
    return [step for step, _ in fired]
