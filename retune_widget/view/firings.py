"""What rules did, as the journal of changes has it: for the marks in the chart, the tree, and the rules' cards."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from retune_widget.storage.store import ChangeRecord
from retune_widget.tracking.tree import Node, Tree, ValueChange, brief_label, short

PREFIX = "policy:"
LONGEST = 28
"""Characters of a label."""


class Firing(NamedTuple):
    """A rule acted after a step.

    Attributes:
        rule: its name.
        branch: the id of the branch.
        event: "set", or what else it did: "pause", "stop", "branch".
        node: the id of the node that was the last one then.
        reason: in words.
    """

    rule: str
    branch: int
    step: int
    event: str
    node: str
    reason: str


class Firings:
    """Reads the journal, which only grows, and each record once; of a saved run it is another one at each reading."""

    def __init__(self) -> None:
        self._journal: Sequence[ChangeRecord] | None = None
        self._seen = 0
        self._found: dict[Firing, None] = {}

    def read(self, journal: Sequence[ChangeRecord]) -> tuple[Firing, ...]:
        """All firings so far, oldest first; one that moved several values once."""
        if journal is not self._journal or len(journal) < self._seen:
            self._journal, self._seen, self._found = journal, 0, {}
        new, self._seen = journal[self._seen :], len(journal)
        self._found |= {_firing(its): None for its in new if its["author"].startswith(PREFIX)}
        return tuple(self._found)


def _firing(its: ChangeRecord) -> Firing:
    event = str(its["new"]) if its["key"].startswith(PREFIX) else "set"
    return Firing(its["author"].removeprefix(PREFIX), its["branch"], its["step"], event, its["node"] or "", its["note"])


def rule_of(node: Node) -> str | None:
    """The name of the rule that made a node, or None."""
    return node.author.removeprefix(PREFIX) if node.author.startswith(PREFIX) else None


def label_of(node: Node, reasons: Iterable[str], longest: int = LONGEST) -> str:
    """What stands at a node: a person's note, what a rule did, or what changed.

    Args:
        node: the node; the reason of a rule is its note, until a person writes another one.
        reasons: what rules have said there.
        longest: characters that what a rule did may take.
    """
    rule = rule_of(node)
    if rule is None or (node.note and node.note not in reasons):
        return node.label
    if node.changes:
        return act_of(rule, node.changes, longest)
    return f"{rule}: {node.note.partition(':')[0].replace(' was stopped', ' stopped')}"


def act_of(rule: str, changes: Sequence[ValueChange], longest: int = LONGEST) -> str:
    """`Overfit: weight_d… 0.02→0.04`: where room is short, the key gives way and the values stay."""
    text = f"{rule}: {brief_label(tuple(changes))}"
    if len(text) <= longest:
        return text
    first, others = changes[0], len(changes) - 1
    values = f" {short(first.old)}→{short(first.new)}" + (f" +{others}" if others else "")
    key, room = first.key.rpartition(".")[2], longest - len(rule) - 2 - len(values)
    return f"{rule}: {key if len(key) <= room else key[: max(room - 1, 2)] + '…'}{values}"


def reasons_by_node(firings: Iterable[Firing]) -> Callable[[Node], frozenset[str]]:
    """What rules have said at each node."""
    found: dict[str, frozenset[str]] = {}
    for its in firings:
        found[its.node] = found.get(its.node, frozenset()) | {its.reason}
    return lambda node: found.get(node.id, frozenset())


def finder(tree: Tree, here: Node, firings: Iterable[Firing]) -> Callable[[str, int, str], str]:
    """Finds the node that shows where a rule fired: the journal has it, else it is the last one before that step.

    Args:
        tree: the run's.
        here: the last node on the way on which it fired.
        firings: of all rules.

    Returns:
        A function of the rule's name, the step and the reason; it gives the node's id.
    """
    nodes, way = {node.id for node in tree.nodes}, tree.lineage(here)
    at_step: dict[tuple[str, int], Firing] = {}
    exactly: dict[tuple[str, int, str], Firing] = {}
    for its in firings:
        if its.node in nodes:
            at_step[its.rule, its.step] = exactly[its.rule, its.step, its.reason] = its

    def find(rule: str, step: int, reason: str) -> str:
        known = exactly.get((rule, step, reason)) or at_step.get((rule, step))
        if known is not None:
            return known.node
        return next((node.id for node in reversed(way) if node.step <= step), tree.root.id)

    return find
