"""What stopped the training, or nearly did: the step, the tensor, the batch, and the ways to go on."""

from collections.abc import Sequence
from typing import Any

from retune_widget.policies.guards import Divergence, NaNGuard
from retune_widget.policies.stopped import Stopped
from retune_widget.storage.store import ChangeRecord
from retune_widget.view import wire_rules

NAMED = 10
"""Samples of a batch that are named at once."""
MOST_SAMPLES = 1000
"""Samples that are shown to who looks."""
GUARDS = {NaNGuard.__name__, Divergence.__name__}
MEMORY = "memory"
"""The author of a change that put a batch size back."""


def is_guarded(stopped: Stopped | None) -> bool:
    """Whether a rule stopped the run because something went wrong, and not because a goal was reached."""
    return stopped is not None and stopped.kind in GUARDS


def incident_of(stopped: Stopped, *, own_loop: bool) -> wire_rules.Incident:
    """A step that was stopped.

    Args:
        stopped: what the rule said.
        own_loop: whether the person's own loop trains, which only its cell can begin again.
    """
    if stopped.kind == NaNGuard.__name__:
        harmless = "before it could damage the weights" if stopped.reached else "because it is not finite"
        title = f"Step {stopped.step:,} was stopped {harmless}"
        facts = [_sentence(stopped.what)]
        facts.append(_batch(stopped) if stopped.batch is not None else "Which batch it was is not known.")
    else:
        title = f"The loss exploded: stopped after step {stopped.step:,}"
        facts = [_sentence(stopped.what)]
    if stopped.reached:
        facts.append(f"The run is at {stopped.node}, step {stopped.at:,}, from before that.")
    else:
        facts.append(f"It left traces in the model: to go on is to go back to {stopped.node}, step {stopped.at:,}.")
    if own_loop:
        facts.append("Your own loop has ended: run its cell again to go on.")
    return {
        "kind": "not finite" if stopped.kind == NaNGuard.__name__ else "diverged",
        "title": title,
        "facts": facts,
        "samples": list(stopped.samples[:MOST_SAMPLES]),
        "node": stopped.node,
        "ways": list(stopped.ways),
    }


def out_of_memory(text: str, changes: Sequence[ChangeRecord]) -> wire_rules.Incident:
    """A batch size that did not fit: it was put back, and training went on."""
    node = next((its["node"] for its in reversed(changes) if its["author"] == MEMORY), None)
    return {
        "kind": "memory",
        "title": text,
        "facts": ["The step was trained again with that size, on the same samples. Nothing is lost."],
        "samples": [],
        "node": node,
        "ways": [],
    }


def _batch(stopped: Stopped) -> str:
    samples = stopped.samples
    if not samples:
        return f"Its batch: {stopped.batch}."
    more = f", … ({len(samples)} in all)" if len(samples) > NAMED else ""
    return f"Its batch: {stopped.batch}; its samples are {', '.join(map(str, samples[:NAMED]))}{more}."


def _sentence(what: str) -> str:
    return f"{what[:1].upper()}{what[1:]}."


def shown(incident: wire_rules.Incident | None) -> dict[str, Any] | None:
    """As a trait holds it."""
    return None if incident is None else dict(incident)
