"""What the tests of the widget share: cells, where things are in it, and what a person does with them."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.notebook_page import NotebookPage

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])  # JupyterLab, Notebook 7
SETUP = """
import torch, retune_widget as rt
torch.manual_seed(0); torch.set_num_threads(1)
x = torch.randn(512, 8); y = (x.sum(1) > 0).long()
model = torch.nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
data = torch.utils.data.TensorDataset(x, y)
loss = torch.nn.functional.cross_entropy
run = rt.Run(model, optimizer, data, loss_fn=loss, batch_size=16, val_data=data, path=":memory:")
"""
LAST_CHANGE = "run.changes.iloc[-1][['key', 'old', 'new', 'step', 'node']].to_dict()"
# The lines of the branches; the cursor and the marks of changes are 1 pixel wide, what is to come is dotted.
DOTTED = '.retune-figure path.line[style*="stroke-dasharray: 2"]'
LINES = '.retune-figure path.line:not([style*="stroke-width: 1;"]):not([style*="stroke-dasharray: 2"])'


def control(widget: Locator, key: str) -> Locator:
    return widget.locator(f'.rtw-row[data-key="{key}"]')


def slider(widget: Locator, key: str) -> Locator:
    return control(widget, key).get_by_role("slider")


def field(widget: Locator, key: str) -> Locator:
    return control(widget, key).get_by_role("textbox")


def mark(widget: Locator, key: str) -> Locator:
    return control(widget, key).locator(".rtw-mark")


def toolbar(widget: Locator, button: str) -> Locator:
    return widget.locator(".rtw-toolbar").get_by_role("button", name=button, exact=True)


def status(widget: Locator) -> Locator:
    return widget.locator(".rtw-toolbar .rtw-pill")


def tree(widget: Locator) -> Locator:
    return widget.locator(".rtw-tree")


def node(widget: Locator, name: str) -> Locator:
    return tree(widget).locator(f'[data-node="{name}"]')


def branches(widget: Locator) -> Locator:
    """The tree's lines, one a branch."""
    return tree(widget).locator(".rtw-line")


def lines(widget: Locator, branch: int | None = None) -> Locator:
    """The charts' lines, of all branches or of the one in whose colour the tree draws this branch."""
    if branch is None:
        return widget.locator(LINES)
    colour = branches(widget).nth(branch).evaluate("(line) => getComputedStyle(line).stroke")
    return widget.locator(f'{LINES}[style*="{colour}"]')


def steps(widget: Locator) -> int:
    """The step that the toolbar shows."""
    return int(re.sub(r"\D", "", widget.locator(".rtw-step").inner_text()))


def drag(opened: NotebookPage, handle: Locator, right: float) -> None:
    """Take a slider's thumb with the mouse, move it this far, let go."""
    at = handle.evaluate("(slider) => (6 + slider.valueAsNumber * (slider.clientWidth - 12)) / slider.clientWidth")
    opened.drag(handle, right, at=at)


def select(widget: Locator, name: str) -> None:
    """Click a node."""
    node(widget, name).click()
    expect(node(widget, name)).to_have_attribute("aria-selected", "true")


def is_quiet(opened: NotebookPage) -> bool:
    """Whether the page complained of nothing and asked no other host."""
    assert opened.log.errors == []
    assert opened.log.foreign == []
    return True
