"""`rt.open(path)` as the last line of a cell: the whole run without a model, read-only, and it follows."""

from playwright.sync_api import expect

from tests.browser.cells import APPS, SETUP, branches, is_quiet, lines, node, select, tree

HOSTILE = "<img src=x onerror=window.stolen=1>"
STORY = f"""
import tempfile
path = tempfile.mkdtemp() + "/run"
run = rt.Run(model, optimizer, data, loss_fn=loss, batch_size=16, val_data=data, path=path)
run.step(40); first = run.set(lr=3e-3, note="{HOSTILE}"); run.step(40)
run.branch(first.node, name="{HOSTILE}"); run.step(20); run.flush()
"""
OPEN = "saved = rt.open(path)\nsaved"


@APPS
def test_a_saved_run_is_shown_whole_and_offers_nothing_that_steers(kept, app):
    opened = kept(SETUP + STORY, OPEN, app=app)
    opened.run(0)
    widget = opened.run(1)
    bar = widget.locator(".rtw-savedbar")
    expect(bar).to_contain_text("saved run")
    expect(bar).to_contain_text("step 60")
    expect(bar.locator(".rtw-resume-line")).to_contain_text("resume=True)")
    expect(branches(widget)).to_have_count(2)
    expect(lines(widget)).to_have_count(6)
    select(widget, "n1")
    expect(widget.locator(".rtw-details .rtw-title").first).to_have_text(HOSTILE)
    expect(widget.locator(".rtw-details td").first).to_be_visible()
    assert widget.locator(".rtw-controls, .rtw-play").count() == 0
    for name in ("Start", "Resume", "Restore", "Branch from here", "Checkpoint", "verify"):
        expect(widget.get_by_role("button", name=name, exact=True)).to_have_count(0)
    node(widget, "n0").click(button="right")
    expect(widget.get_by_role("menu")).to_have_count(0)
    assert widget.locator("img").count() == 0
    assert opened.page.evaluate("window.stolen") is None
    assert is_quiet(opened)


@APPS
def test_it_follows_a_run_that_is_trained(kept, app):
    opened = kept(SETUP + STORY, OPEN, app=app)
    opened.run(0)
    widget = opened.run(1)
    bar, line = widget.locator(".rtw-savedbar"), lines(widget, branch=1).first
    expect(line).to_be_attached()
    before = line.get_attribute("d")
    opened.value("[run.step(20), run.set(lr=1e-2) and None, run.step(1), run.flush()]")
    expect(bar).to_contain_text("step 81")
    expect(bar).to_contain_text("in training elsewhere")
    expect(node(widget, opened.value("run.head.node_id"))).to_be_visible()
    expect(line).not_to_have_attribute("d", before)
    expect(tree(widget).locator(".rtw-head")).to_have_class("rtw-head rtw-running")
    assert opened.value("saved.head.step") == 60
    expect(bar).to_contain_text("saved run", timeout=15_000)
    assert is_quiet(opened)
