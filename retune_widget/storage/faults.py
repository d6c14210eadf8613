"""What went wrong with a file or a database, in words: the reason, and what to do about it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retune_widget.errors import StoreError

_FULL = "Make room on that disk: what is not saved yet is tried again by itself."
_FORBIDDEN = "Choose a path that you may write to, or copy the directory to one."
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENAMETOOLONG: "Choose a shorter path.",
    errno.ENOTDIR: "A part of this path is a file: choose another one.",
    errno.ENOLCK: "This file system has no locks: keep the run on a local disk.",
    errno.ENOSYS: "This file system has no locks: keep the run on a local disk.",
    errno.EIO: "The disk fails: copy the directory to another one.",
}
_ADVICE_OF_SQLITE = {
    "database or disk is full": _FULL,
    "attempt to write a readonly database": _FORBIDDEN,
    "unable to open database file": _FORBIDDEN,
    "disk I/O error": "The disk is full or fails: make room there, or copy the directory to another one.",
}
ADVICE = " To rebuild the run from its files"
_DAMAGE = ("malformed", "not a database", "decode to UTF-8", "no such table", "no such column", "datatype mismatch")


@contextmanager
def translated(path: Path, done: str) -> Iterator[None]:
    """Errors of files and of SQLite as `StoreError`s."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, NotImplementedError) as error:  # filelock says NotImplementedError where locks are missing
        number = getattr(error, "errno", None) or errno.ENOSYS
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"The run at {path} cannot be {done}: {reason}. {_ADVICE.get(number, '')}".rstrip()) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # Python's own, for the name of a table
        reason = str(error)
        what = f"The run at {path} cannot be {done}: {reason}."
        if isinstance(error, UnicodeDecodeError) or any(word in reason for word in _DAMAGE):
            raise damaged(path, what) from error
        raise StoreError(f"{what} {_ADVICE_OF_SQLITE.get(reason, '')}".rstrip()) from error


def damaged(path: Path | None, what: str) -> StoreError:
    """An error about a run whose database cannot be used; it says how to rebuild it.

    Args:
        path: the run directory; None for a run that has none.
        what: is wrong, as a sentence.
    """
    if path is None:
        return StoreError(what)
    return StoreError(f"{what}{ADVICE}: retune_widget.repair({str(path)!r}).")
