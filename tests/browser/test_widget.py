"""The widget in JupyterLab and Notebook 7: watch it train, steer it, restore, branch, come back."""

import pytest
from playwright.sync_api import expect

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
LOOP = """
for x, y in run.batches():
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    run.log(loss=value)
"""
APPS = pytest.mark.parametrize("app", ["lab", "notebook"])


def control(widget, key):
    return widget.locator(f'[data-key="{key}"]')


@APPS
def test_drag_restore_branch_and_reload(notebook, app):
    opened = notebook(SETUP, "run", app=app)
    opened.run(0)
    widget = opened.run(1)
    widget.get_by_role("button", name="Start").click()
    opened.until("run.head.step > 50")
    opened.drag(control(widget, "lr").get_by_role("slider"), right=20)
    expect(control(widget, "lr").locator(".rtw-mark")).to_contain_text("used from step")
    change = opened.value("run.changes.iloc[-1][['key', 'old', 'new', 'step']].to_dict()")
    assert change["key"] == "lr"
    assert change["new"] != change["old"] == 1e-3
    opened.until(f"run.head.step > {change['step'] + 1}")
    widget.get_by_role("button", name="Pause").click()
    opened.until("run.status == 'paused'")
    used = opened.value(f"run.history.set_index('step')['lr'].loc[[{change['step']}, {change['step'] + 1}]].tolist()")
    assert used == [change["old"], change["new"]]
    step = opened.value("run.head.step")
    widget.get_by_role("button", name="Step", exact=True).click()
    opened.until(f"run.head.step == {step + 1}")
    expect(widget.locator(".retune-figure").first.locator("path.line").first).to_be_attached()
    opened.value("setattr(run.view.tree, 'selected', 'n0')")
    details = widget.locator(".rtw-details")
    details.get_by_role("button", name="Restore").click()
    opened.until("run.head.step == 0")
    expect(widget.locator(".rtw-toolbar")).to_contain_text("paused")
    assert opened.log.errors == []
    assert opened.log.foreign == []
    opened.save()
    opened.open()
    again = opened.output(1)
    expect(again.locator(".rtw-toolbar")).to_contain_text("paused")
    expect(control(again, "lr").get_by_role("slider")).to_be_visible()


@APPS
def test_a_cell_that_blocks_can_be_steered_and_interrupted(notebook, app):
    opened = notebook(SETUP, "run", LOOP, app=app)
    opened.run(0)
    widget = opened.run(1)
    opened.run(2, wait=False)
    expect(widget.locator(".rtw-toolbar")).to_contain_text("running")
    opened.drag(control(widget, "lr").get_by_role("slider"), right=20)
    expect(control(widget, "lr").locator(".rtw-mark")).to_contain_text("used from step")
    widget.get_by_role("button", name="Stop").click()
    opened.finished(2)
    assert opened.value("str(run.status)") == "finished"
    assert opened.value("len(run.changes)") == 1
    assert opened.log.errors == []
