"""What a page complained about and whom it asked, without the front ends' own noise."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

# Errors of JupyterLab's and Notebook 7's own, seen in an empty notebook too.
OWN_NOISE = (
    re.compile(r"^Error: Command 'filebrowser:open-path' not registered\.\s"),
    re.compile(r"^TypeError: Cannot read properties of undefined \(reading 'schema'\)\s+at \S+/notebook_core\."),
)


class PageLog:
    """Collects from a page, from the moment it is made.

    Attributes:
        errors: Console errors and uncaught exceptions.
        foreign: Addresses of requests to any host but this machine.
    """

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._add(str(error.stack or error)))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._add(f"{message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname != "127.0.0.1":
            self.foreign.append(request.url)

    def _add(self, text: str) -> None:
        if not any(pattern.search(text) for pattern in OWN_NOISE):
            self.errors.append(text)
