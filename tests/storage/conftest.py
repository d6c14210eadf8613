"""A directory store that is closed at the end."""

import pytest

from retune_widget.storage import DiskStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "digits"


@pytest.fixture
def store(path):
    store = DiskStore(path)
    yield store
    store.close()
