"""The same run in two cells, after a reload, and in a new cell: the whole widget each time."""

import time

from playwright.sync_api import expect

from tests.browser.cells import (
    APPS,
    LINES,
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
    toolbar,
)

# Two branches; the changes are n1 and n3.
HISTORY = """
run.step(40); first = run.set(lr=3e-3); run.step(40)
run.branch(first.node, name="other way"); run.step(20); run.set(lr=2e-3); run.step(40)
"""
CONTENT = f"""(widget) => {{
    const all = (selector, read) => [...widget.querySelectorAll(selector)].map(read);
    const text = (element) => element.textContent;
    return {{
        status: all(".rtw-toolbar .rtw-pill, .rtw-branch, .rtw-where", text),
        controls: all(".rtw-row input", (input) => [input.closest(".rtw-row").dataset.key, input.value]),
        marks: all(".rtw-mark", text),
        legend: all(".rtw-chip", text),
        readout: all(".rtw-readout", text),
        charts: all('{LINES}', (line) => [line.style.stroke, line.getAttribute("d")]),
        branches: all(".rtw-line", (line) => [line.getAttribute("stroke"), line.getAttribute("d")]),
        names: all(".rtw-branch-label", text),
        nodes: all(".rtw-tree-svg .rtw-node", (node) => [node.dataset.node, node.getAttribute("aria-selected")]),
        details: all(".rtw-details td, .rtw-details .rtw-title", text),
    }};
}}"""


def content(widget):
    """All that a person sees of a widget."""
    return widget.evaluate(CONTENT)


def comes_back(widget, wanted, timeout=15):
    """Wait until a widget shows this."""
    return becomes_equal(lambda: content(widget), lambda: wanted, widget.page, timeout)


def becomes_equal(one, other, page, timeout=15):
    """Wait until two readings are alike."""
    deadline = time.monotonic() + timeout
    while one() != other() and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert one() == other()
    return True


def shown(kept, app):
    """A run with two branches and four nodes, paused, in the cell at 1; with all that its widget shows."""
    opened = kept(SETUP + HISTORY, "run", "run", app=app)
    opened.run(0)
    widget = opened.run(1)
    select(widget, "n1")
    expect(widget.locator(".rtw-readout")).to_contain_text("step 40")
    expect(widget.locator(".rtw-details .rtw-title").first).to_have_text("lr 1e-3→3e-3")
    expect(lines(widget)).to_have_count(6)
    before = content(widget)
    assert len(before["controls"]) > 3
    assert sorted(name for name, _ in before["nodes"]) == opened.value("sorted(node.id for node in run.tree.nodes)")
    assert len(before["branches"]) == len(before["names"]) == len(before["legend"]) == 2
    assert all(d.count("L") >= 1 for _, d in before["charts"])
    return opened, widget, before


@APPS
def test_two_cells_with_the_same_run_stay_in_step(kept, app):
    opened, first, _ = shown(kept, app)
    second = opened.run(2)
    assert becomes_equal(lambda: content(second), lambda: content(first), opened.page)
    toolbar(second, "Resume").click()
    expect(status(first)).to_have_text("running")
    drag(opened, slider(first, "lr"), right=8)
    expect(mark(second, "lr")).to_contain_text("used from step")
    expect(field(second, "lr")).to_have_value(field(first, "lr").input_value())
    toolbar(second, "Pause").click()
    expect(status(first)).to_have_text("paused")
    select(first, "n0")
    expect(node(second, "n0")).to_have_attribute("aria-selected", "true")
    expect(branches(second)).to_have_count(2)
    expect(second.locator(".rtw-readout")).to_contain_text("step 0")
    assert becomes_equal(lambda: content(second), lambda: content(first), opened.page)
    assert is_quiet(opened)


@APPS
def test_a_reload_brings_the_whole_widget_back(kept, app):
    opened, widget, before = shown(kept, app)
    opened.save()
    opened.open()
    assert comes_back(widget, before)
    drag(opened, slider(widget, "lr"), right=8)
    expect(mark(widget, "lr")).to_contain_text("used from step")
    assert is_quiet(opened)


@APPS
def test_shown_again_in_a_new_cell_after_its_output_was_cleared_it_is_whole(kept, app):
    opened, widget, before = shown(kept, app)
    opened.command("notebook:clear-all-cell-outputs")
    expect(widget).to_be_empty()
    again = opened.run(2)
    assert comes_back(again, before)
    drag(opened, slider(again, "lr"), right=8)
    expect(mark(again, "lr")).to_contain_text("used from step")
    assert is_quiet(opened)
