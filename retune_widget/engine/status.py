"""What a run is doing."""

from enum import Enum


class Status(str, Enum):
    """What a run is doing; equal to its own name as text."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value
