"""The bundles on a bare page, with a fake model in place of Jupyter's."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

STATIC = Path(__file__).resolve().parents[3] / "retune_widget" / "view" / "static"
FAKE_MODEL = Path(__file__).with_name("fake_model.js")
HOST = "http://bare.test"
TYPES = {".js": "text/javascript", ".css": "text/css"}
PAGE = """<!doctype html><meta charset="utf-8"><title>bare</title>
<link rel="stylesheet" href="/static/styles.css"><body style="margin: 8px"></body>"""

Traits = dict[str, Any]

REMEMBER_ELEMENTS = """(selector) => {
    window.remembered = [...document.querySelectorAll(selector)];
    window.mutations = [];
    window.observer = new MutationObserver((records) => window.mutations.push(...records));
    window.observer.observe(document.body, {childList: true, subtree: true, attributes: true});
}"""
TOUCHED_ELEMENTS = """() => {
    const records = [...window.mutations, ...window.observer.takeRecords()];
    return {
        built: records.filter((record) => record.type === 'childList').length,
        touched: new Set(records.map((record) => record.target)).size,
    };
}"""


def serve(route: Route) -> None:
    """Answers the page's requests from the built bundles; any other host gets no answer."""
    path = route.request.url.removeprefix(HOST)
    if path == "/":
        route.fulfill(body=PAGE, content_type="text/html")
        return
    file = FAKE_MODEL if path == "/fake_model.js" else STATIC / path.removeprefix("/static/")
    route.fulfill(path=file, content_type=TYPES[file.suffix])


def open_bare(page: Page) -> None:
    """Opens the empty page that bundles are shown on."""
    assert STATIC.is_dir(), "the front end is not built: run `make install`"
    page.route("**/*", serve)
    page.goto(f"{HOST}/")


def show(page: Page, bundle: str, traits: Traits, **options: int) -> None:
    """Shows a bundle; `window.model` is its model. Options: width in pixels, number of views."""
    page.evaluate(
        "async ([bundle, traits, options]) => (await import('/fake_model.js')).show(bundle, traits, options)",
        [bundle, traits, options],
    )


def update(page: Page, **traits: Any) -> None:
    """Sends traits from Python, and waits until the frame that shows them has been drawn."""
    page.evaluate(
        "async (traits) => { window.model.update(traits);"
        " for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame); }",
        traits,
    )


def sent(page: Page) -> list[Traits]:
    """What the view has asked for, without the ids."""
    messages = page.evaluate("window.model.sent")
    assert all(isinstance(message.pop("id"), str) for message in messages)
    return messages


def answer(page: Page, kind: str, **reply: Any) -> None:
    """Answers the last question of a kind."""
    page.evaluate(
        "async ([kind, reply]) => { window.model.answer(kind, reply);"
        " for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame); }",
        [kind, reply],
    )
