"""A run directory that is followed while somebody looks: read again when it was written to, once a second at most."""

import time

from retune_widget.errors import StoreError
from retune_widget.saved import Reading, SavedRun, read, stamp_of

SHORTEST = 1.0
"""Seconds between two looks at the directory."""
LIVELY = 5.0
"""Seconds after which nobody is taken to train a run that writes nothing. One that trains writes twice a second."""


class Following:
    """The newest reading of the directory of a saved run, which itself stays as it was read.

    Attributes:
        problem: why the directory cannot be read any more, or None.
    """

    def __init__(self, saved: SavedRun) -> None:
        self._path = saved.path
        self._reading: Reading = saved.reading
        self._looked = self._written = float("-inf")
        self.problem: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether another process has written to it just now."""
        return time.monotonic() - self._written < LIVELY

    def look(self, saved: SavedRun) -> Reading:
        """The newest reading; the directory is looked at if the last look was long enough ago."""
        now = time.monotonic()
        if now - self._looked < SHORTEST:
            return self._reading
        self._looked = now
        try:
            stamp = stamp_of(self._path)
            if stamp != self._reading.stamp:
                same = saved.reading.stamp == stamp
                self._reading, self._written = saved.reading if same else read(self._path), now
            self.problem = None
        except (StoreError, OSError) as error:
            self.problem = str(error)
        return self._reading
