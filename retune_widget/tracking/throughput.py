"""The table of what was measured by batch size."""

from collections.abc import Sequence

import pandas as pd

from retune_widget.engine.probe import Throughput

GAIN = 1.1
"""A size is saturated where no larger one gives so many times its samples a second."""


def throughput_frame(measured: Sequence[Throughput]) -> pd.DataFrame:
    """One row for each batch size: `batch_size, samples_per_second, seconds_per_step, fits, saturated`.

    Numbers are missing where memory ran out. From the first saturated size on all are; of the largest one nothing is
    known unless a smaller one is.
    """
    speeds = [its.samples / its.seconds for its in measured if its.seconds is not None]
    first = next((at for at in range(len(speeds) - 1) if max(speeds[at + 1 :]) < GAIN * speeds[at]), len(speeds))
    return pd.DataFrame({
        "batch_size": [its.batch_size for its in measured],
        "samples_per_second": [*speeds, *[float("nan")] * (len(measured) - len(speeds))],
        "seconds_per_step": [float("nan") if its.seconds is None else its.seconds for its in measured],
        "fits": [its.seconds is not None for its in measured],
        "saturated": [its.seconds is not None and at >= first for at, its in enumerate(measured)],
    })  # fmt: skip
