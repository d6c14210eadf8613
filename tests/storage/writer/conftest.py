"""A writer over a store that can be made to fail."""

import pytest

from retune_widget.storage import Writer
from tests.storage.faulty import FaultyStore
from tests.storage.writers import NEVER


@pytest.fixture
def store():
    return FaultyStore()


@pytest.fixture
def writer(store):
    """A writer that tries again only when it is flushed."""
    writer = Writer(store, retry_seconds=NEVER)
    yield writer
    store.open.set()
    writer.close()
