"""The project's first notebook, used as a person does: steer, go back, take another way, undo."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.cells import (
    APPS,
    LAST_CHANGE,
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
    toolbar,
    tree,
)

FIRST_RUN = Path(__file__).resolve().parents[2] / "notebooks" / "01_first_run.ipynb"


def begun(kept, app):
    """The notebook after its first two cells: it trains."""
    opened = kept(FIRST_RUN, app=app)
    opened.run(0)
    widget = opened.run(1)
    opened.until("run.head.step > 50")
    return opened, widget


def drag_lr(opened, widget, right):
    """Drag the lr while it trains, and train on for a while; returns the change as the kernel has it."""
    before = opened.value("len(run.changes)")
    drag(opened, slider(widget, "lr"), right)
    expect(mark(widget, "lr")).to_contain_text("used from step")
    opened.until(f"len(run.changes) == {before + 1}")
    change = opened.value(LAST_CHANGE)
    opened.until(f"run.head.step > {change['step']} + 50")
    return change


def pause(opened, widget):
    toolbar(widget, "Pause").click()
    opened.until("run.status == 'paused'")
    expect(status(widget)).to_have_text("paused")


@APPS
def test_the_next_step_uses_a_dragged_lr_and_pause_and_step_obey(kept, app):
    opened, widget = begun(kept, app)
    change = drag_lr(opened, widget, right=-8)
    assert change["key"] == "lr"
    assert change["new"] < change["old"] == 3e-3
    expect(mark(widget, "lr")).to_have_text(f"used from step {change['step'] + 1:,}")
    pause(opened, widget)
    used = opened.value(f"run.history.set_index('step')['lr'].loc[{change['step']}:].tolist()")
    assert used[0] == change["old"]
    assert set(used[1:]) == {change["new"]}
    step = opened.value("run.head.step")
    toolbar(widget, "Step").click()
    opened.until(f"run.head.step == {step + 1}")
    expect(widget.locator(".rtw-step")).to_have_text(f"step {step + 1:,}")
    expect(status(widget)).to_have_text("paused")
    assert opened.value("len(run.history)") == step + 1
    assert is_quiet(opened)


@APPS
def test_a_node_clicked_in_the_tree_is_restored_by_button_enter_and_menu(kept, app):
    opened, widget = begun(kept, app)
    toolbar(widget, "Checkpoint").click()
    opened.until("len(run.tree.nodes) == 2 and run.head.step > run.tree.node('n1').step + 50")
    pause(opened, widget)
    assert opened.value("run.flush()")

    def arrived(name):
        opened.until(f"run.head.step == run.tree.node('{name}').step")
        expect(widget.locator(".rtw-head")).to_have_attribute(
            "transform", node(widget, name).get_attribute("transform")
        )
        return opened.value(f"run.digest() == run.tree.node('{name}').digest")

    select(widget, "n1")
    tree(widget).get_by_role("button", name="Restore").click()
    assert arrived("n1")
    select(widget, "n0")
    opened.page.keyboard.press("Enter")
    assert arrived("n0")
    node(widget, "n1").click(button="right")
    widget.get_by_role("menuitem", name="Restore").click()
    assert arrived("n1")
    assert is_quiet(opened)


@APPS
def test_a_branch_from_a_node_grows_in_charts_and_tree_and_undo_takes_its_change_back(kept, app):
    opened, widget = begun(kept, app)
    fork = drag_lr(opened, widget, right=-8)
    pause(opened, widget)
    expect(branches(widget)).to_have_count(1)
    expect(lines(widget)).to_have_count(3)  # train/loss, val/loss; lr below
    select(widget, fork["node"])
    tree(widget).get_by_role("button", name="Branch from here").click()
    expect(tree(widget).get_by_label("New branch from here")).to_be_focused()
    opened.page.keyboard.type("other way")
    opened.page.keyboard.press("Enter")
    opened.until(f"(run.head.branch, run.head.step) == ('other way', {fork['step']})")
    expect(branches(widget)).to_have_count(2)
    expect(tree(widget).locator(".rtw-branch-label", has_text="other way")).to_be_visible()
    loss, way = lines(widget, branch=1).first, branches(widget).nth(1)
    expect(loss).to_be_attached()
    drawn, grown = loss.get_attribute("d"), way.get_attribute("d")
    toolbar(widget, "Resume").click()
    opened.until(f"run.head.step > {fork['step']} + 50")
    change = drag_lr(opened, widget, right=8)
    pause(opened, widget)
    assert change["new"] > change["old"] == fork["old"]
    expect(lines(widget)).to_have_count(6)
    expect(lines(widget, branch=1)).to_have_count(3)
    expect(loss).not_to_have_attribute("d", drawn)
    expect(way).not_to_have_attribute("d", grown)
    expect(node(widget, change["node"])).to_be_visible()
    toolbar(widget, "Undo").click()
    opened.until(f"len(run.tree.branches) == 3 and run.head.step == {change['step']}")
    expect(branches(widget)).to_have_count(3)
    expect(lines(widget, branch=2).first).to_be_attached()
    expect(field(widget, "lr")).to_have_value("3e-3")
    assert opened.value("run.hyperparameters['lr'].value") == change["old"]
    assert is_quiet(opened)
