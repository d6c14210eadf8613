"""The tree's keys in a real JupyterLab and Notebook, whose own shortcuts want the same ones."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PREPARE = """
import torch, torch.nn.functional as F, retune_widget as rt
from torch.utils.data import TensorDataset
torch.manual_seed(0)
model = torch.nn.Linear(4, 2)
data = TensorDataset(torch.randn(64, 4), torch.randint(0, 2, (64,)))
run = rt.Run(model, torch.optim.SGD(model.parameters(), lr=0.1), data, loss_fn=F.cross_entropy, batch_size=8,
             path=":memory:")
run.step(10); middle = run.checkpoint("middle"); run.step(10); late = run.checkpoint("late"); run.step(5)
"""


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_arrows_enter_and_escape(notebook, app):
    opened = notebook(PREPARE, "run", app=app)
    opened.run(0)
    widget = opened.run(1)
    page = opened.page
    cells = page.locator(".jp-Cell").count()
    middle, late = opened.value("middle.id"), opened.value("late.id")

    def node(name):
        return widget.locator(f'.rtw-tree-svg [data-node="{name}"]')

    node(late).click()
    expect(node(late)).to_have_attribute("aria-selected", "true")
    expect(widget.get_by_role("tree")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(node(middle)).to_have_attribute("aria-selected", "true")
    expect(widget.locator(".rtw-details .rtw-title").first).to_have_text("middle")
    page.keyboard.press("Enter")
    opened.until("run.head.step == 10")
    expect(widget.locator(".rtw-head")).to_have_attribute("transform", node(middle).get_attribute("transform"))
    page.keyboard.press("ArrowRight")
    expect(node(late)).to_have_attribute("aria-selected", "true")
    # A question that is left by Escape changes nothing and gives the keys back to the tree.
    node(late).click(button="right")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(widget.get_by_label("New branch from here")).to_be_focused()
    page.keyboard.press("Escape")
    expect(widget.get_by_label("New branch from here")).to_have_count(0)
    expect(widget.get_by_role("tree")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(node(middle)).to_have_attribute("aria-selected", "true")
    # What the notebook takes for "insert a cell", "cut", "delete" must not reach it.
    for key in ("a", "b", "x", "d", "d"):
        page.keyboard.press(key)
    expect(page.locator(".jp-Cell")).to_have_count(cells)
    assert opened.value("[len(run.tree.branches), run.head.step]") == [1, 10]
    assert opened.log.errors == []
