"""What holds for every bundle: themes, hostile text, closed views."""

import pytest
from playwright.sync_api import expect

from tests.browser.frontend import samples
from tests.browser.frontend.bare_page import show

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror='window.stolen = true'><b>bold</b>"


@pytest.mark.parametrize("bundle", ["toolbar", "savedbar", "controls", "chartbar", "tree", "details", "tabs", "rules"])
def test_a_closed_view_leaves_no_listener(bare, bundle):
    show(bare, bundle, getattr(samples, bundle)(), views=2)
    assert bare.evaluate("window.model.listenerCount()") > 0
    bare.evaluate("window.ends.forEach((end) => end())")
    assert bare.evaluate("window.model.listenerCount()") == 0
    assert bare.locator(".rtw").count() == 0


def test_text_from_users_is_never_html(bare):
    tree = samples.tree(selected="n3")
    for entry in tree["nodes"]:
        entry["label"] = entry["note"] = HOSTILE
        entry["values"] = {HOSTILE: 1}
    for entry in tree["branches"]:
        entry["name"] = entry["stopped"] = HOSTILE
    show(bare, "tree", tree)
    bare.locator('.rtw-tree-svg [data-node="n3"]').hover()
    expect(bare.get_by_role("tooltip")).to_contain_text("<img")
    show(bare, "details", samples.details(label=HOSTILE, note=HOSTILE, branch_name=HOSTILE, why=HOSTILE))
    expect(bare.locator(".rtw-details .rtw-title").first).to_have_text(HOSTILE)
    busy = {"node": None, "text": HOSTILE, "cancellable": False}
    error = {"summary": HOSTILE, "traceback": HOSTILE}
    show(bare, "toolbar", samples.toolbar(branch=HOSTILE, error=error, notices=[HOSTILE], busy=busy))
    show(bare, "savedbar", samples.savedbar(path=HOSTILE, branch=HOSTILE, resume=HOSTILE, problem=HOSTILE))
    verdict = {"equal": False, "text": HOSTILE}
    lost = samples.checkpoint("not saved", HOSTILE)
    show(bare, "details", samples.details(verdict=verdict, checkpoint=lost))
    freed = samples.checkpoint("evicted")
    show(bare, "details", samples.details(checkpoint=freed, rebuilding=HOSTILE, busy=HOSTILE))
    refused = {"state": "refused", "value": 1, "step": None, "text": HOSTILE}
    show(bare, "controls", samples.controls(marks={"dropout": refused}))
    by = {"rule": HOSTILE, "suspended": HOSTILE, "resumable": True}
    show(bare, "controls", samples.controls(ruled={"dropout": [by]}))
    show(bare, "tabs", samples.tabs(tabs=[{"name": "node", "label": HOSTILE, "note": HOSTILE}]))
    rule = samples.rule(HOSTILE, aim=HOSTILE, suspended=HOSTILE)
    fired = {HOSTILE: [{"step": 3, "reason": HOSTILE, "node": HOSTILE}]}
    trial = {"aim": HOSTILE, "text": HOSTILE, "times": 1}
    show(bare, "rules", samples.rules(rules=[rule], states={HOSTILE: HOSTILE}, fired=fired, trial=trial))
    show(bare, "toolbar", samples.toolbar(incident=samples.incident(title=HOSTILE, facts=[HOSTILE])))
    legend = [{"id": "b0", "name": HOSTILE, "colour": "red", "head": True}]
    show(
        bare,
        "chartbar",
        samples.chartbar(legend=legend, readout=HOSTILE, metrics=[HOSTILE], metric=HOSTILE),
    )
    assert bare.locator("img, b").count() == 0
    assert bare.evaluate("window.stolen") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", [None, "true", "false"])
def test_readable_in_every_theme(bare, scheme, theme):
    """JupyterLab's theme decides; without one, the system does."""
    bare.emulate_media(color_scheme=scheme)
    if theme:
        bare.evaluate("(theme) => { document.body.dataset.jpThemeLight = theme; }", theme)
    show(bare, "details", samples.details(), width=290)
    is_dark = theme == "false" if theme else scheme == "dark"
    lightness = bare.evaluate(
        """() => {
            const style = getComputedStyle(document.querySelector('.rtw'));
            const light = (colour) => {
                const [r, g, b] = colour.match(/\\d+/g).map(Number);
                return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
            };
            return [light(style.color), light(style.backgroundColor)];
        }"""
    )
    text, background = lightness
    assert (text > background) == is_dark
    assert abs(text - background) > 0.7
