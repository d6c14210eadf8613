"""Marks every test with the level that its folder stands for, so that `-m "not browser"` works."""

from pathlib import Path

import pytest

LEVELS = {"browser": "browser", "engine": "engine", "notebooks": "notebooks", "view": "view"}
# A page, its server and its kernel share two cores with the training that the test watches.
SLOW = {"browser": 180, "notebooks": 300}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        level = LEVELS.get(folder, "unit")
        item.add_marker(level)
        if level in SLOW and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SLOW[level]))
