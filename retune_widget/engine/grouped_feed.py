"""Several batches for one optimizer step."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retune_widget.engine.feed import Feed

Json = dict[str, Any]


class Batches(list[Any]):
    """The batches of one step."""


class GroupedFeed:
    """Another feed's batches, `count` at a time; the last group of an epoch may be smaller.

    A group that was not trained on (the step failed) comes again, and the position is where it begins.
    """

    def __init__(self, feed: "Feed", count: int) -> None:
        self.inner, self.count = feed, count
        self._group: Batches | None = None
        self._start: Json = {}
        self._epoch = 0
        self.exact, self.source = feed.exact, feed.source
        self._at_end = False
        """Whether the inner feed's position is behind the group already: that ended its epoch."""

    @property
    def why(self) -> str | None:
        """Why the inner feed is not exact, or None."""
        return self.inner.why

    @property
    def length(self) -> int | None:
        """Of the inner feed."""
        return self.inner.length

    @property
    def epoch(self) -> int:
        """Full passes completed."""
        return self.inner.epoch if self._group is None else self._epoch

    @property
    def steps_per_epoch(self) -> int | None:
        """Groups in one pass."""
        steps = self.inner.steps_per_epoch
        return None if steps is None else -(-steps // self.count)

    @property
    def steps_left(self) -> int | None:
        """Groups to the end of this pass."""
        if self._group is not None and self._at_end:
            return 1
        steps = self.inner.steps_left
        if steps is None:
            return None
        fetched = len(self._group) - 1 if self._group is not None else 0
        return -(-(steps + fetched) // self.count)

    def next(self) -> Batches:
        """The group at the position; the same one again until `advance`."""
        if self._group is None:
            start, epoch = self.inner.position(), self.inner.epoch
            group, at_end = Batches([self.inner.next()]), False
            try:
                while len(group) < self.count and not at_end:
                    self.inner.advance()
                    at_end = self.inner.epoch != epoch
                    if not at_end:
                        group.append(self.inner.next())
            except BaseException:
                self.inner.seek(start)
                raise
            self._group, self._start, self._epoch, self._at_end = group, start, epoch, at_end
        return self._group

    def advance(self) -> None:
        """Move behind the group, or past one that was not fetched."""
        if self._group is None:
            self._pass(self.count)
        elif not self._at_end:
            self.inner.advance()
        self._group, self._at_end = None, False

    def _pass(self, count: int) -> None:
        """Move the inner feed on by so many batches, not beyond the epoch's end."""
        epoch = self.inner.epoch
        for _ in range(count):
            self.inner.advance()
            if self.inner.epoch != epoch:
                break

    @property
    def size(self) -> int:
        """Batches in the group at the position."""
        if self._group is not None:
            return len(self._group)
        left = self.inner.steps_left
        return self.count if left is None else min(self.count, left)

    def samples(self) -> list[int] | None:
        """The indices of all samples in the group, where the data has such; the group is fetched again after it."""
        of_a_batch = getattr(self.inner, "samples", None)
        if of_a_batch is None:
            return None
        self.let_go()
        start, found = self.inner.position(), []
        for _ in range(self.size):
            found += of_a_batch()
            self.inner.advance()
        self.inner.seek(start)
        return found

    def position(self) -> Json:
        """Where the group begins, if there is one."""
        return self.inner.position() if self._group is None else self._start

    def seek(self, position: Json) -> None:
        """Go to a position."""
        self._group, self._at_end = None, False
        self.inner.seek(position)

    def reseed(self, seed: int) -> None:
        """Take another order from the next epoch on."""
        self.let_go()
        self.inner.reseed(seed)

    def refetch(self) -> None:
        """Fetch anew what comes."""
        self.let_go()
        self.inner.refetch()

    def close(self) -> None:
        """Let go of workers."""
        self.let_go()
        self.inner.close()

    def let_go(self) -> None:
        """Forget the group: what can be set to a position fetches it again."""
        if self._group is not None and self.inner.exact:
            self.seek(self._start)
