"""The bare page that the bundles are shown on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.frontend.bare_page import open_bare


@pytest.fixture
def bare(page: Page) -> Iterator[Page]:
    """A bare page; whatever it complains about fails the test."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    open_bare(page)
    yield page
    assert complaints == []
