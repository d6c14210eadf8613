"""The line above a saved run: that it is one, where it was, and how to go on with it."""

from retune_widget.tracking.head import Head
from retune_widget.view import wire
from retune_widget.view.bundles import bundle
from retune_widget.view.part import Part, sync_dict

NOTHING: wire.Saved = {
    "path": "", "branch": "main", "step": 0, "epoch": 0, "following": False, "resume": "",
    "problem": None,
}  # fmt: skip


class SavedBar(Part):
    """The part at the top of a run that is only looked at."""

    _esm = bundle("savedbar.js")
    saved = sync_dict(**NOTHING)

    def __init__(self) -> None:
        super().__init__(width="100%")

    def update(self, path: str, head: Head, *, following: bool, problem: str | None) -> None:
        """Show where the run was, or is: `following` says that another process writes it."""
        shown: wire.Saved = {
            "path": path,
            "branch": head.branch,
            "step": head.step,
            "epoch": head.epoch,
            "following": following,
            "resume": f"run = rt.Run(model, optimizer, data, …, path={path!r}, resume=True)",
            "problem": problem,
        }
        self.show(saved=dict(shown))
