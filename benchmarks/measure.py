"""How the benchmarks measure: paired, in one process, one torch thread, medians; machines are noisy, ratios hold."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, the figure, what stands beside it, and the budget it has to meet."""

    what: str
    figure: str
    beside: str
    budget: str
    met: bool | None


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    gc.collect()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, taken in turn A B A B, and the median of the ratios ours/theirs, pair by pair."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    marks = {True: "yes", False: "**no**", None: "—"}
    lines = ["| what | measured | beside it, in the same run | budget | met |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.figure} | {r.beside} | {r.budget} | {marks[r.met]} |" for r in rows]
    return "\n".join(lines)
