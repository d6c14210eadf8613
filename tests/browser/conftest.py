"""The fixtures of the browser tests; README.md beside this file shows how they are used."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from scripts.chromium import FLAGS, ChromiumNotFoundError, find
from tests.browser.kept_pages import KeptPages
from tests.browser.notebook_page import App, NotebookPage, new_context, place_notebook
from tests.browser.server import JupyterServer

PICTURES = Path(__file__).resolve().parents[2] / "build" / "browser"
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; a missing one is a failure, never a skip."""
    try:
        path = find()
    except ChromiumNotFoundError as error:
        pytest.fail(str(error))
    if path is None:
        pytest.fail("No Chromium was found: `make test` installs one, and CHROMIUM may name one.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A clean browser profile; leaves a picture of every open page in build/browser if the test failed."""
    made = new_context(chromium)
    yield made
    if request.node.stash.get(FAILED, False):
        take_pictures(made, request.node.name)
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page, for bundles that need no Jupyter."""
    return context.new_page()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab and Notebook 7, started once for all tests."""
    started = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    yield started
    started.stop()


@pytest.fixture
def notebook(
    server: JupyterServer, context: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[Callable[..., NotebookPage]]:
    """Opens notebooks: `notebook("cell 1", "cell 2", app="lab")`, or a path to an existing one."""
    opened: list[NotebookPage] = []

    def open_notebook(*cells: str | Path, app: App = "lab") -> NotebookPage:
        name = f"{slug(request.node.name)}-{len(opened)}.ipynb"
        place_notebook(server.notebooks / name, *cells)
        opened.append(NotebookPage(context.new_page(), server, name, app))
        return opened[-1]

    yield open_notebook
    for entry in opened:
        entry.close()
        server.end_sessions(entry.name)


@pytest.fixture(scope="session")
def kept_pages(server: JupyterServer, chromium: Browser) -> Iterator[KeptPages]:
    """Notebooks that stay open from test to test."""
    pages = KeptPages(server, chromium)
    yield pages
    pages.close()


@pytest.fixture
def kept(kept_pages: KeptPages, request: pytest.FixtureRequest) -> Iterator[Callable[..., NotebookPage]]:
    """As `notebook`, but its page and kernel are used again by the next test that asks for the same cells."""
    used: list[NotebookPage] = []

    def open_notebook(*cells: str | Path, app: App = "lab") -> NotebookPage:
        used.append(kept_pages.get(*cells, app=app))
        return used[-1]

    yield open_notebook
    if request.node.stash.get(FAILED, False):
        for entry in used:
            take_pictures(entry.page.context, request.node.name)
            kept_pages.drop(entry)
    else:
        for entry in used:
            kept_pages.rest(entry)


def take_pictures(context: BrowserContext, name: str) -> None:
    """Save what every open page shows in build/browser."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for index, page in enumerate(context.pages):
        page.screenshot(path=PICTURES / f"{slug(name)}-{index}.png")


def slug(name: str) -> str:
    """The name of a test as the name of a file."""
    return re.sub(r"\W+", "-", name).strip("-")
