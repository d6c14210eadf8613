"""How long a lineage has been trained, in seconds; pauses do not count."""

import time


class Clock:
    """A stopwatch that can be set to an earlier reading."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    def run(self, *, running: bool) -> None:
        """Start or stop it; twice the same is fine."""
        now = time.perf_counter()
        if self._since is not None:
            self._before += now - self._since
        self._since = now if running else None

    def elapsed(self) -> float:
        """Seconds of training."""
        return self._before + (time.perf_counter() - self._since if self._since is not None else 0.0)

    def set(self, seconds: float) -> None:
        """Go on from another reading."""
        self._before = seconds
        if self._since is not None:
            self._since = time.perf_counter()
