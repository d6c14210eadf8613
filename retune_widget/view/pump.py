"""The pump: the one thread that writes to the browser."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

logger = logging.getLogger(__name__)

SHORTEST = 0.1
"""Seconds between two frames at least."""
LONGEST = 5.0
"""Seconds between two frames at most, however dear they are."""
SHARE = 0.01
"""Part of the time that drawing frames may take; the kernel's sending of them takes about as much again."""

Frame = Literal["none", "light", "full"]


def _nothing() -> None:
    """Only wake up."""


@dataclass(frozen=True, slots=True)
class _Post:
    job: Callable[[], None]
    frame: Frame
    then: Callable[[], None]


class Pump:
    """Draws frames while somebody looks, and carries what other threads want said.

    Attributes:
        error: the last exception while drawing; it is logged, and drawing goes on.
        interval: seconds between frames: a tenth, or as many as keep drawing under 1 % of the time.
    """

    def __init__(self, draw: Callable[[bool], bool], is_watched: Callable[[], bool], end: Callable[[], None]) -> None:
        """Nothing runs before the first post.

        Args:
            draw: send what is new; without the charts if its argument is False. Returns whether anything was new.
            is_watched: whether a page shows anything.
            end: called once in the pump's thread, last.
        """
        self._draw, self._is_watched, self._end = draw, is_watched, end
        self._posts: SimpleQueue[_Post] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._cost = 0.0
        self._frames = 0
        self._logged = ""
        self.error: Exception | None = None
        self.interval = SHORTEST

    def post(
        self,
        job: Callable[[], None] = _nothing,
        *,
        frame: Frame = "none",
        then: Callable[[], None] = _nothing,
    ) -> None:
        """Have something done in the pump's thread, at once. Any thread; never waits.

        Args:
            job: done first.
            frame: drawn after it even if it is not yet time: light leaves out the charts.
            then: done after the frame, so that an answer finds the state that it speaks of.
        """
        self._posts.put(_Post(job, frame, then))
        with self._starting:
            if self._thread is None and not self._ending:
                self._thread = threading.Thread(target=self._run, name="retune-pump", daemon=True)
                self._thread.start()

    def draw_now(self, timeout: float = 5.0) -> None:
        """Draw a frame and wait for it. Any thread but the pump's; returns at once where nothing is drawn any more."""
        drawn = threading.Event()
        self.post(frame="full", then=drawn.set)
        if not self._ending:
            drawn.wait(timeout)

    def end(self) -> None:
        """Finish soon. Takes no lock: it may be called while garbage is collected."""
        self._ending = True
        self._posts.put(_Post(_nothing, "none", _nothing))

    def join(self, timeout: float = 10.0) -> None:
        """Wait for the end; carry it out here if no thread was ever started."""
        with self._starting:
            thread = self._thread
        if thread is None:
            self._end()
        elif thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        due = 0.0
        while not self._ending:
            now = time.monotonic()
            posts = self._take(max(0.0, due - now) if self._is_watched() else None)
            for post in posts:
                self._attempt(post.job)
            frames = {post.frame for post in posts}
            is_time = self._is_watched() and time.monotonic() >= due
            if "full" in frames or is_time:
                self._attempt(lambda: self._timed(charts=True))
                due = time.monotonic() + self.interval
            elif "light" in frames:
                self._attempt(lambda: self._timed(charts=False))
            for post in posts:
                self._attempt(post.then)
        self._attempt(self._end)

    def _take(self, timeout: float | None) -> list[_Post]:
        posts = []
        try:
            posts.append(self._posts.get(timeout=timeout))
            while True:
                posts.append(self._posts.get_nowait())
        except Empty:
            return posts

    def _timed(self, *, charts: bool) -> None:
        began = time.thread_time()
        if not self._draw(charts) or not charts:
            return
        cost = time.thread_time() - began
        self._frames += 1
        if self._frames > 1:  # the first one makes the marks, which happens once
            self._cost = cost if self._frames == 2 else 0.7 * self._cost + 0.3 * cost  # noqa: PLR2004
        self.interval = min(LONGEST, max(SHORTEST, self._cost / SHARE))

    def _attempt(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  # kept and logged; the next frame comes
            self.keep(error)

    def keep(self, error: Exception) -> None:
        """Note an error; the same one is logged once."""
        self.error = error
        if repr(error) != self._logged:
            self._logged = repr(error)
            logger.error("The widget could not show something; training goes on.", exc_info=error)
