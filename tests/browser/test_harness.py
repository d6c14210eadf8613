import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_log import PageLog

SLIDER = """import ipywidgets
slider = ipywidgets.IntSlider(value=3, max=10)
slider"""


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_slider_moved_in_the_browser_moves_in_the_kernel(notebook, app):
    opened = notebook(SLIDER, "print('value', slider.value)", app=app)
    opened.run(0)
    opened.drag(opened.output(0).locator(".noUi-handle"), 40)
    readout = opened.output(0).locator(".widget-readout")
    expect(readout).not_to_have_text("3")
    moved = readout.inner_text()
    expect(opened.run(1)).to_have_text(re.compile(f"value {moved}"))
    assert opened.value("slider.value") == int(moved)
    opened.until(f"slider.value == {moved}")
    opened.save()
    opened.open()
    expect(readout).to_have_text(moved)
    second = opened.again()
    expect(second.output(0).locator(".widget-readout")).to_have_text(moved)
    for theme in ("dark", "light"):
        opened.theme(theme)
    assert opened.log.errors == []
    assert opened.log.foreign == []


def test_a_cell_that_raises_fails_the_test_with_its_traceback(notebook):
    opened = notebook("1 / 0")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        opened.run(0)
    with pytest.raises(AssertionError, match="NameError"):
        opened.value("nowhere")


def test_a_cell_is_run_again_and_a_blocking_one_is_waited_for(notebook):
    blocking = "import time; time.sleep(2); print('over')"  # the cell is the subject: nothing waits for a time
    opened = notebook("count = globals().get('count', 0) + 1", blocking)
    for _ in range(3):
        opened.run(0)
    opened.run(1, wait=False)
    expect(opened.output(1)).to_be_empty()
    expect(opened.finished(1)).to_have_text("over")
    assert opened.value("count") == 3


def test_errors_and_requests_to_other_hosts_are_seen(page):
    log = PageLog(page)
    page.goto("data:text/html,<title>empty</title>")
    page.evaluate("console.warn('a warning'); console.error('an error')")
    page.evaluate("setTimeout(() => { throw new Error('uncaught') })")
    page.evaluate("fetch('http://elsewhere.test/code.js').catch(() => {})")
    assert [line.split(" (")[0].split("\n")[0] for line in log.errors[:2]] == ["an error", "Error: uncaught"]
    assert log.foreign == ["http://elsewhere.test/code.js"]
