"""From the keys that a person writes (`lr`, `betas=(0.8, 0.99)`, group "head") to full keys, one value each."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from retune_widget.errors import HyperparameterError, UnknownHyperparameterError


def in_group(keys: Iterable[str], values: Mapping[str, Any], group: str) -> dict[str, Any]:
    """`lr` in group `head` is `head.lr`; group `*` means every group that has it.

    Args:
        keys: all there are.
        values: what is asked, by key within the group.
        group: a param group's name, an optimizer's where there are several, both (`generator.head`), or `*`.

    Raises:
        UnknownHyperparameterError: no group of this name has it.
    """
    keys = list(keys)
    named: dict[str, Any] = {}
    for key, value in values.items():
        ending = {k for full in keys for k in (full, _stem(full)) if k == key or k.endswith(f".{key}")}
        found = ending if group == "*" else {k for k in ending if k.startswith(f"{group}.")}
        if not found:
            raise unknown(keys, key if group == "*" else f"{group}.{key}")
        named |= dict.fromkeys(sorted(found), value)
    return named


def expand(keys: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Full keys for what was asked: a tuple becomes its elements.

    Raises:
        UnknownHyperparameterError: a key names nothing, or several things.
        HyperparameterError: a tuple of the wrong length, or a number where several are needed.
    """
    keys = list(keys)
    expanded = {}
    for key, value in values.items():
        if key in keys:
            expanded[key] = value
            continue
        elements = [k for k in keys if _stem(k) == key]
        if not elements:
            raise unknown(keys, key)
        if not isinstance(value, tuple | list) or len(value) != len(elements):
            raise HyperparameterError(f"{key} takes {len(elements)} numbers, ({', '.join(elements)}), not {value!r}.")
        expanded |= dict(zip(elements, value, strict=True))
    return expanded


def unknown(keys: list[str], key: str) -> UnknownHyperparameterError:
    """The error for a key that names nothing, or several things; it says what to write instead."""
    same = [k for k in keys if k.endswith(f".{key}") or _stem(k).endswith(f".{key}")]
    if same:
        group = same[0].removesuffix(f".{same[0].rpartition('.')[2]}")
        return UnknownHyperparameterError(
            f"{key!r} is in several param groups: {', '.join(same)}. Name one, or pass group={group!r}, or group='*' "
            "for all of them."
        )
    near = difflib.get_close_matches(str(key), keys, n=3, cutoff=0.6)
    if near:
        return UnknownHyperparameterError(f"There is no hyperparameter {key!r}. Did you mean {', '.join(near)}?")
    return UnknownHyperparameterError(
        f"There is no hyperparameter {key!r}. There are: {', '.join(keys) or 'none'}. run.register({key!r}, get, set) "
        "adds one of your own."
    )


def _stem(key: str) -> str:
    return key.partition("[")[0]
