"""What a record must look like. Nothing that was read from a run directory is used before it was compared with this.

Keys that are not listed are allowed: a later version may keep more.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import numpy as np

from retune_widget.engine.fingerprint import SAMPLES
from retune_widget.storage.store import CHECKPOINT_ID
from retune_widget.tracking.history import HistoryChunk, Kind
from retune_widget.tracking.nodes import Cause, Origin

Check = Callable[[Any], bool]
LARGEST = 2**53
"""Steps and counts beyond this are no longer told apart as float64, which every chart draws."""
MANY = 2**31
"""Epochs and branches are 32-bit numbers in tables."""
LATEST = 1e11
"""Seconds since 1970, in the year 5138: what pandas can show as a date, and no clock says by accident."""
CLOCKS = ("epoch", "elapsed")
"""The columns that are neither a metric nor a hyperparameter."""
_HALVES = re.compile("[\ud800-\udfff]")
_NODE_ID = re.compile(r"n[0-9]{1,15}")


def text(its: Any) -> bool:
    """Text that can be shown and stored: without halves of characters."""
    return isinstance(its, str) and not _HALVES.search(its)


def whole(its: Any) -> bool:
    """A count."""
    return type(its) is int and 0 <= its <= LARGEST


def few(its: Any) -> bool:
    """A count of epochs or branches."""
    return whole(its) and bool(its < MANY)


def flag(its: Any) -> bool:
    """True or False."""
    return type(its) is bool


def value(its: Any) -> bool:
    """A hyperparameter's value."""
    return type(its) in {bool, float} or (type(its) is int and abs(its) < 2**63)


def moment(its: Any) -> bool:
    """Seconds since 1970, by whatever clock."""
    return type(its) in {float, int} and math.isfinite(its) and abs(its) <= LATEST


def node_id(its: Any) -> bool:
    """`n7`."""
    return isinstance(its, str) and _NODE_ID.fullmatch(its) is not None


def checkpoint_id(its: Any) -> bool:
    """What may be the name of a file."""
    return isinstance(its, str) and CHECKPOINT_ID.fullmatch(its) is not None


def maybe(check: Check) -> Check:
    """That, or None."""
    return lambda its: its is None or check(its)


def listing(check: Check) -> Check:
    """A list of these."""
    return lambda its: isinstance(its, list | tuple) and all(map(check, its))


def table(check: Check) -> Check:
    """A dict of these by name."""
    return lambda its: isinstance(its, Mapping) and all(map(text, its)) and all(map(check, its.values()))


def _change(its: Any) -> bool:
    return _row(its, text, value, value, maybe(text)) or _row(its, text, value, value, maybe(text), _governing)


def _governing(its: Any) -> bool:
    return _row(its, maybe(_ownership), maybe(_ownership), text)


def _row(its: Any, *checks: Check) -> bool:
    fits = isinstance(its, list | tuple) and len(its) == len(checks)
    return fits and all(check(part) for check, part in zip(checks, its, strict=True))


def _ownership(its: Any) -> bool:
    return wrong(its, OWNERSHIP) is None


def _sample(its: Any) -> bool:
    return isinstance(its, list | tuple) and len(its) == len(("index", "hash")) and whole(its[0]) and text(its[1])


def _word_or_value(its: Any) -> bool:
    return value(its) or text(its)  # what happens to a rule is a word


def _firing(its: Any) -> bool:
    return isinstance(its, list | tuple) and len(its) == len(("step", "reason")) and whole(its[0]) and text(its[1])


def _anything(_its: Any) -> bool:
    return True


def _policy(its: Any) -> bool:
    return wrong(its, POLICY) is None


Fields = Mapping[str, Check]
POLICY: Fields = {
    "name": text, "kind": text, "arguments": maybe(table(_anything)), "state": table(_anything),
    "suspended": maybe(text), "fired": listing(_firing),
}  # fmt: skip
"""What a rule remembers is its own: `Active.load` looks at that."""
BRANCH: Fields = {"id": few, "name": text, "named_by_hand": flag, "fork": maybe(node_id), "created": moment}
NODE: Fields = {
    "id": node_id, "branch": few, "step": whole, "epoch": few,
    "parent": maybe(node_id), "cause": lambda its: isinstance(its, str) and its in get_args(Cause),
    "changes": listing(_change), "author": text, "note": text, "exact": flag, "why": maybe(text), "created": moment,
    "pinned": flag, "checkpoint": checkpoint_id, "values": table(value),
}  # fmt: skip
NODE_MORE: Fields = {
    "verified": maybe(flag), "differs": maybe(text),
    "origin": lambda its: isinstance(its, str) and its in get_args(Origin),
    "rolling": flag, "evicted": flag, "digest": maybe(text), "training_digest": maybe(text),
    "policies": maybe(listing(_policy)), "policies_after": maybe(listing(_policy)),
}  # fmt: skip
"""Each of these may be missing, as earlier versions did not write it."""
CHANGE: Fields = {
    "branch": few, "step": whole, "key": text, "old": maybe(value), "new": _word_or_value, "author": text,
    "node": maybe(node_id), "note": text, "created": moment,
}  # fmt: skip
CHANGE_MORE: Fields = {"governed": maybe(text)}
"""This may be missing, as earlier versions did not write it."""
OWNERSHIP: Fields = {
    "curve": maybe(lambda its: isinstance(its, Mapping)), "since": whole,
    "scale": lambda its: type(its) is float and math.isfinite(its), "held": maybe(value),
}  # fmt: skip
HEAD: Fields = {"branch": few, "node": node_id, "changed": flag, "forks": flag}
INFO: Fields = {"fingerprint": lambda its: isinstance(its, Mapping) and maybe(listing(_sample))(its.get(SAMPLES))}
"""Each of these may be missing."""


def wrong(record: Any, fields: Fields, *, optional: bool = False) -> str | None:
    """What is wrong with a record, as half a sentence, or None.

    Args:
        record: what was read.
        fields: what each field has to be.
        optional: whether a field may be missing.
    """
    if not isinstance(record, Mapping):
        return f"{_short(record)} is no record"
    for name, check in fields.items():
        if name not in record:
            if not optional:
                return f"{_short(record)} has no {name!r}"
        elif not check(record[name]):
            return f"{name!r} cannot be {_short(record[name])}"
    return None


def wrong_node(record: Any) -> str | None:
    """What is wrong with the record of a node, as half a sentence, or None."""
    return wrong(record, NODE) or wrong(record, NODE_MORE, optional=True)


def wrong_change(record: Any) -> str | None:
    """What is wrong with the record of a change, as half a sentence, or None."""
    return wrong(record, CHANGE) or wrong(record, CHANGE_MORE, optional=True)


def wrong_chunk(chunk: HistoryChunk) -> str | None:
    """What is wrong with pairs of the history by themselves, or None."""
    if not (few(chunk.branch) and text(chunk.column)) or chunk.kind not in get_args(Kind):
        return f"{_short(chunk[:3])} is no column"
    if (chunk.kind == "clock") is not (chunk.column in CLOCKS) or chunk.column in {"branch", "step"}:
        return f"{chunk.column!r} cannot be a {chunk.kind}"
    steps, values = chunk.steps, chunk.values
    reason = None
    if len(steps) != len(values) or not len(steps):
        reason = f"{chunk.column!r} has {len(steps):,} steps and {len(values):,} values"
    elif steps[0] < 0 or steps[-1] > LARGEST or (steps[1:] <= steps[:-1]).any():
        reason = f"the steps of {chunk.column!r} do not rise"
    elif chunk.column == "epoch" and not ((values == np.floor(values)) & (values >= 0) & (values < MANY)).all():
        reason = "an epoch is no count"
    elif chunk.column == "elapsed" and not np.isfinite(values).all():
        reason = "a time is no number"
    return reason


def _short(its: Any) -> str:
    said = repr(its)
    return said if len(said) <= 60 else f"{said[:57]}…"  # noqa: PLR2004
