"""Notebooks that stay open from test to test: a page and a kernel with torch take longer than most tests."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.notebook_page import App, NotebookPage, new_context, place_notebook
from tests.browser.server import JupyterServer

CLOSE_RUN = "[run.close() for run in [globals().get('run')] if run is not None]"


class KeptPages:
    """One page for each notebook and front end; a test that failed has its page dropped, as nobody knows its state."""

    def __init__(self, server: JupyterServer, chromium: Browser) -> None:
        self.server, self.chromium = server, chromium
        self._open: dict[tuple[object, ...], NotebookPage] = {}
        self._count = 0

    def get(self, *cells: str | Path, app: App) -> NotebookPage:
        """The notebook with these cells, all outputs cleared, nothing training, nothing in its log."""
        key = (app, *cells)
        page = self._open.get(key)
        if page is None:
            self._count += 1
            name = f"kept-{self._count}-{app}.ipynb"
            place_notebook(self.server.notebooks / name, *cells)
            context = new_context(self.chromium)
            page = self._open[key] = NotebookPage(context.new_page(), self.server, name, app)
        else:
            page.value(CLOSE_RUN)
            page.command("notebook:clear-all-cell-outputs")
            page.log.errors.clear()
            page.log.foreign.clear()
        return page

    def drop(self, page: NotebookPage) -> None:
        """Close a page and end its kernel."""
        self._open = {key: other for key, other in self._open.items() if other is not page}
        page.close()
        page.page.context.close()
        self.server.end_sessions(page.name)

    def close(self) -> None:
        """Drop all of them."""
        for page in list(self._open.values()):
            self.drop(page)
