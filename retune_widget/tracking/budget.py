"""How much the checkpoints of a run may take, and what they take."""

import math
import re
from dataclasses import dataclass
from typing import Any

UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_TEXT = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]+)\s*")


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What all checkpoints of a run take now in its store, the directory or memory.

    Attributes:
        bytes: of all of them; what several share counts once.
        budget: what they may take, in bytes; None: as much as there is.
    """

    bytes: int
    budget: int | None


def as_bytes(budget: Any) -> int | None:
    """A budget in bytes: a number of them, or text such as "2 GB", "500 MB", "1.5 GiB".

    Raises:
        ValueError: it is neither, or not above 0.
    """
    if budget is None:
        return None
    number = 0.0
    if isinstance(budget, str):
        text = _TEXT.fullmatch(budget)
        if text and text[2].upper() in UNITS:
            number = float(text[1]) * UNITS[text[2].upper()]
    elif isinstance(budget, int | float) and not isinstance(budget, bool):
        number = float(budget)
    if not (math.isfinite(number) and number >= 1):
        raise ValueError(f"budget must be a number of bytes, or text such as '2 GB' or '500 MB', not {budget!r}.")
    return int(number)


def in_words(size: int) -> str:
    """A size as a person would write it: `1.5 GB`, `820 KB`."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:.3g} {unit}"
    return f"{size} B"
