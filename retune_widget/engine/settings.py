"""Values that have no other place: those of the built-in step, and those that a step of the user's own asks for."""

from collections.abc import Callable
from typing import Any, NamedTuple

from retune_widget.engine.hyperparameters import Value

Json = dict[str, Any]


class Access(NamedTuple):
    """Where a value of the built-in step is, if it is not here: how it is read, and put there."""

    read: Callable[[], Value]
    put: Callable[[Any], None]


class Settings:
    """Part of every checkpoint, as plain numbers.

    Attributes:
        values: those of the built-in step, by key; a value with an `Access` is not among them.
        asked: those that `run.value` was asked for, by key.
        frozen: what `frozen.py` keeps: by param group, the numbers of the parameters that it froze.
        revision: another number after every change.
    """

    def __init__(self) -> None:
        """Nothing is used yet."""
        self.values: dict[str, Value] = {}
        self.asked: dict[str, Value] = {}
        self.frozen: dict[str, list[int]] = {}
        self.revision = 0
        self._first: dict[str, Value] = {}
        self._access: dict[str, Access] = {}
        self._defaults: dict[str, Value] = {}

    def build_in(self, key: str, value: Value, access: Access | None = None) -> None:
        """A value that the built-in step uses, with what it is where nobody set it."""
        self._first[key] = value
        if access is None:
            self.values[key] = value
        else:
            self._access[key] = access
        self.revision += 1

    def ask(self, key: str, default: Value) -> Value:
        """The value in force of a step of the user's own; `default` until it is set."""
        if key not in self.asked:
            self.asked[key] = self._defaults.setdefault(key, default)
            self.revision += 1
        return self.asked[key]

    @property
    def keys_built_in(self) -> tuple[str, ...]:
        """The values of the built-in step."""
        return tuple(self._first)

    @property
    def keys_asked(self) -> tuple[str, ...]:
        """What was ever asked for: before the first time on a lineage it has its default."""
        return tuple(self._defaults)

    def is_elsewhere(self, key: str) -> bool:
        """Whether the value is in another place, where it may be changed without a word to us."""
        return key in self._access

    def stamp(self) -> int:
        """Another number as soon as a value that is here is another."""
        return self.revision

    def read(self, key: str) -> Value:
        """The value in force."""
        if key in self._access:
            return self._access[key].read()
        return self.values[key] if key in self._first else self.asked.get(key, self._defaults.get(key, 0.0))

    def write(self, key: str, value: Value) -> None:
        """Put a value in force."""
        if key in self._access:
            self._access[key].put(value)
        elif key in self._first:
            self.values[key] = value
        else:
            self._defaults.setdefault(key, value)
            self.asked[key] = value
        self.revision += 1

    def capture(self) -> Json:
        """All of it, as JSON."""
        return {
            "built_in": {key: self.read(key) for key in self._first},
            "asked": dict(self.asked),
            "frozen": {group: list(numbers) for group, numbers in self.frozen.items()},
        }

    def restore(self, saved: Json) -> None:
        """Put back what was captured; what is not in there is as at the start (a checkpoint of an older version)."""
        built_in = saved.get("built_in", {})
        for key, first in self._first.items():
            self.write(key, built_in.get(key, first))
        self.asked = dict(saved.get("asked", {}))
        for key, value in self.asked.items():
            self._defaults.setdefault(key, value)
        self.frozen = {group: list(numbers) for group, numbers in saved.get("frozen", {}).items()}
        self.revision += 1
