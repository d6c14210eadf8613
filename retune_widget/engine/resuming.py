"""Puts the changes of an earlier process in force again."""

from collections.abc import Sequence

from retune_widget.engine.claims import Claim, Made
from retune_widget.engine.engine import Engine


def resumed(engine: Engine, made: Sequence[Made]) -> list[Claim]:
    """The changes as planned ones. One of a value that nobody registered yet waits until somebody does.

    Raises:
        RestoreError: a schedule is not known.
    """
    for its in made:
        if its.key not in engine.hyperparameters:
            engine.live.to_come[its.key] = its.new
            engine.governors.shift(engine.claims.later(its))
    return engine.claims.again(its for its in made if its.key in engine.hyperparameters)
