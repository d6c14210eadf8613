"""The line above the charts: which metric, which hyperparameter, how drawn; whose line is whose."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import traitlets

from retune_widget.tracking.history import History
from retune_widget.tracking.tree import Branch, Tree, short
from retune_widget.view.bundles import bundle
from retune_widget.view.colours import colour_of
from retune_widget.view.part import Part
from retune_widget.view.series import is_training

if TYPE_CHECKING:
    from retune_widget.view import wire

CHOICES = ("metric", "hyperparameter", "log_y", "smoothing", "gradient")
MOST_READ = 4


class ChartBar(Part):
    """What to draw is chosen here, from the browser or from Python."""

    _esm = bundle("chartbar.js")
    metrics = traitlets.List(traitlets.Unicode()).tag(sync=True)
    metric = traitlets.Unicode("loss").tag(sync=True)
    hyperparameter_keys = traitlets.List(traitlets.Unicode()).tag(sync=True)
    hyperparameter = traitlets.Unicode("lr").tag(sync=True)
    log_y = traitlets.Bool(False).tag(sync=True)
    smoothing = traitlets.Float(0.0, min=0.0, max=0.99).tag(sync=True)
    gradient = traitlets.Bool(False).tag(sync=True)
    has_gradient = traitlets.Bool(False).tag(sync=True)
    legend = traitlets.List(traitlets.Dict()).tag(sync=True)
    readout = traitlets.Unicode("").tag(sync=True)

    @property
    def choices(self) -> tuple[str, str, bool, float, bool]:
        """What is drawn and how: equal as long as nothing was chosen anew."""
        return self.metric, self.hyperparameter, self.log_y, self.smoothing, self.gradient

    def offer(self, metrics: Sequence[str], keys: Sequence[str]) -> None:
        """Put up the choices; a choice that there is not gives way to the most likely one."""
        metric, key = self.metric, self.hyperparameter
        if metrics and metric not in metrics:
            metric = metrics[0]
        if keys and key not in keys:
            key = next((name for name in keys if name.endswith(".lr")), keys[0])
        self.show(metrics=list(metrics) or [metric], hyperparameter_keys=list(keys), metric=metric, hyperparameter=key)

    def tell(self, branches: Sequence[Branch], head: Branch, left_out: int, readout: str) -> None:
        """Show whose line is whose, and the values at one step."""
        legend: list[wire.LegendEntry] = [
            {"id": str(b.id), "name": b.name, "colour": colour_of(b), "head": b is head} for b in branches
        ]
        more = f" · {left_out} older branches are not drawn" if left_out else ""
        self.show(legend=legend, readout=readout + more)


def read_out(tree: Tree, history: History, branches: Iterable[Branch], metrics: Sequence[str], step: int) -> str:
    """`step 1,760 — main 0.252 · low lr 0.093`: the newest values at a step, on the branches that come so far."""
    measured = [metric for metric in metrics if not is_training(metric)] or list(metrics)
    if not measured:
        return "no steps yet: press Start"
    parts = []
    for branch in branches:
        if branch.fork_step <= step <= history.tip(branch):
            path = [*tree.path(branch)[:-1], (branch, step)]
            for metric in measured[:1]:
                latest = history.latest(path, metric)
                if latest:
                    parts.append(f"{branch.name} {short(float(f'{latest[1]:.3g}'))}")
    read = f"step {step:,} — {' · '.join(parts[-MOST_READ:])}" if parts else f"step {step:,}"
    return read if len(measured) == len(metrics) else f"{read} (thin: train)"
