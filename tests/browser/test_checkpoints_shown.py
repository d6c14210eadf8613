"""Where each checkpoint is, in a real notebook: not saved, freed and rebuilt, pinned; and the room they take."""

from playwright.sync_api import expect

from tests.browser.cells import APPS, SETUP, is_quiet, node, select, tree

# Nodes n1, n2, n3, two of them between others.
STORY = """
for note in ("one", "two", "<b>three</b>"):
    run.step(20); run.checkpoint(note)
run.step(5); run.flush()
"""
FULL = """
from retune_widget.errors import StoreError
def full(*_):
    raise StoreError("The run cannot be written: No space left on device.")
run._store.save_checkpoint = full
run.checkpoint("lost"); run.step(15); run.flush()
"""
ROOM = "del run._store.save_checkpoint; run.flush()"


def shown(kept, app, *more):
    opened = kept(SETUP + STORY, "run", *more, app=app)
    opened.run(0)
    return opened, opened.run(1)


def marked(widget, name, status):
    expect(node(widget, name)).to_have_attribute("data-checkpoint", status)


def menu(widget, name, item):
    node(widget, name).click(button="right")
    widget.get_by_role("menuitem", name=item).click()


@APPS
def test_what_cannot_be_saved_is_marked_with_the_reason_until_it_can(kept, app):
    opened, widget = shown(kept, app, FULL, ROOM)
    opened.run(2)
    marked(widget, "n4", "not saved")
    badge = tree(widget).locator(".rtw-tree-svg .rtw-badge-not-saved")
    expect(badge).to_have_count(1)
    expect(tree(widget).locator(".rtw-causes")).to_contain_text("not saved")
    select(widget, "n4")
    box = widget.locator(".rtw-details .rtw-box")
    expect(box).to_contain_text("not saved: The run cannot be written: No space left on device.")
    expect(widget.locator(".rtw-notice")).to_contain_text("No space left on device")
    opened.run(3)
    marked(widget, "n4", "saved")
    expect(badge).to_have_count(0)
    expect(box).to_contain_text("saved,")
    expect(widget.locator(".rtw-notice")).to_have_count(0)
    assert is_quiet(opened)


@APPS
def test_a_node_is_pinned_freed_and_rebuilt_by_menu(kept, app):
    opened, widget = shown(kept, app)
    menu(widget, "n3", "Pin")
    opened.until("run.tree.node('n3').pinned")
    expect(tree(widget).locator(".rtw-tree-svg .rtw-badge-pin")).to_have_count(1)
    room = tree(widget).get_by_role("meter", name="Room for checkpoints")
    words = room.inner_text()
    menu(widget, "n1", "Free its checkpoint")
    marked(widget, "n1", "evicted")
    expect(room).not_to_have_text(words)
    select(widget, "n1")
    box = widget.locator(".rtw-details .rtw-box")
    expect(box).to_contain_text("freed: rebuilt by replay, less than a second")
    digest = opened.value("run.tree.node('n1').digest")
    tree(widget).get_by_role("button", name="Restore").click()
    opened.until("run.head.step == 20")
    assert opened.value("run.digest()") == digest
    assert opened.value("run.flush()")
    marked(widget, "n1", "saved")
    menu(widget, "n0", "Free its checkpoint")
    expect(tree(widget).locator(".rtw-feedback")).to_contain_text("n0 keeps its checkpoint")
    marked(widget, "n0", "saved")
    assert is_quiet(opened)


@APPS
def test_a_verdict_stays_in_the_details(kept, app):
    opened, widget = shown(kept, app)
    select(widget, "n2")
    details = widget.locator(".rtw-details")
    details.get_by_role("button", name="verify").click()
    expect(details.locator(".rtw-box")).to_contain_text("✓ verified: 20 steps trained again, every bit is the same")
    select(widget, "n3")
    expect(details.locator(".rtw-title").first).to_have_text("<b>three</b>")
    expect(details.locator(".rtw-box")).not_to_contain_text("verified")
    select(widget, "n2")
    expect(details.locator(".rtw-box")).to_contain_text("✓ verified")
    assert is_quiet(opened)
