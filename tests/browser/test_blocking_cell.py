"""A cell that blocks in a loop over `run.batches()`: the widget answers beside it. Only the page can be asked."""

import pytest
from playwright.sync_api import expect

from tests.browser.cells import (
    APPS,
    LAST_CHANGE,
    SETUP,
    branches,
    drag,
    field,
    is_quiet,
    lines,
    mark,
    node,
    select,
    slider,
    status,
    steps,
    toolbar,
    tree,
)

LOOP = """
for x, y in run.batches():
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    run.log(loss=value)
"""


@pytest.fixture
def looping(kept, request):
    """Opens the notebook; its third cell blocks, its second one shows the widget."""

    def begin(app):
        opened = kept(SETUP, "run", LOOP, app=app)
        opened.run(0)
        widget = opened.run(1)
        opened.run(2, wait=False)
        expect(status(widget)).to_have_text("running")
        return opened, widget

    return begin


def stop(opened, widget):
    """Stop, and see the cell end."""
    toolbar(widget, "Stop").click()
    opened.finished(2)
    expect(status(widget)).to_have_text("finished")
    assert opened.value("str(run.status)") == "finished"


@APPS
def test_a_drag_is_acknowledged_while_the_cell_blocks_and_its_later_steps_use_it(looping, app):
    opened, widget = looping(app)
    drag(opened, slider(widget, "lr"), right=8)
    expect(mark(widget, "lr")).to_contain_text("used from step")
    expect(opened.cell(2).locator(".jp-InputArea-prompt").first).to_have_text("[*]:")
    toolbar(widget, "Pause").click()
    expect(status(widget)).to_have_text("paused")
    stop(opened, widget)
    change = opened.value(LAST_CHANGE)
    assert change["new"] > change["old"] == 1e-3
    used = opened.value(f"run.history.set_index('step')['lr'].loc[{change['step']}:].tolist()")
    assert used[0] == change["old"]
    assert set(used[1:]) == {change["new"]}
    assert is_quiet(opened)


@APPS
def test_pause_step_resume_and_a_restore_in_the_tree_while_the_cell_blocks(looping, app):
    opened, widget = looping(app)
    toolbar(widget, "Checkpoint").click()
    expect(node(widget, "n1")).to_be_visible()
    toolbar(widget, "Pause").click()
    expect(status(widget)).to_have_text("paused")
    paused_at = steps(widget)
    toolbar(widget, "Step").click()
    expect(widget.locator(".rtw-step")).to_have_text(f"step {paused_at + 1:,}")
    expect(status(widget)).to_have_text("paused")
    select(widget, "n0")
    tree(widget).get_by_role("button", name="Restore").click()
    expect(tree(widget).locator(".rtw-feedback")).to_have_text("At n0, step 0: paused.")
    expect(widget.locator(".rtw-step")).to_have_text("step 0")
    toolbar(widget, "Resume").click()
    expect(branches(widget)).to_have_count(2)
    expect(lines(widget, branch=1)).to_have_count(3)
    expect(field(widget, "lr")).to_have_value("1e-3")
    stop(opened, widget)
    assert opened.value("int(run.lineage_history('main')['step'].iloc[-1])") == paused_at + 1
    assert opened.value("run.head.step") > 0
    assert opened.value("[branch.fork.id for branch in run.tree.branches if branch.fork]") == ["n0"]
    assert is_quiet(opened)
