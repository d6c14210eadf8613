"""Random damage to a run directory: in the bytes of its files, or in what its records say."""

import contextlib
import json
import random
import sqlite3

from retune_widget.storage.disk_reader import DiskReader

ODD = [
    None, True, -1, 0, 7, 2**31, 2**53 + 2, 2**63, 2**70, -(2**64), 1e300, -0.0, float("nan"), float("inf"), "", "n0",
    "n1",
    "main", "lr", "../../etc/passwd", "/etc/passwd", "<img src=x onerror=alert(1)>", "\x00", "\ud800", "x" * 5000, [],
    {},
    [[]], {"": None}, {"!tensor": ["nowhere", "cpu", None]}, {"!eval": "1"}, {"!dtype": "save"}, {"!bytes": "zz"},
    {"!tensor": ["param/model/0.weight", "cuda:99", None]}, {"!tensor": ["param/model/0.weight", "cpu", [2**50, 1]]},
    {"!array": ["rng/torch", "O", [2**40]]}, {"!set": [[]]}, {"!dict": [[[], 1]]}, {"!size": [-1]}, {"!a": 1, "!b": 2},
    {"!generator": ["random.Random", [3, 4]]}, {"!default": ["open", []]}, {"!number": ["O", "00"]},
]  # fmt: skip
DEEP = "[" * 50_000 + "]" * 50_000
TEXTS = [
    ("nodes", "record"), ("branches", "record"), ("changes", "record"), ("info", "value"), ("checkpoints", '"values"'),
]  # fmt: skip
PLAIN = [
    ("columns", "name"), ("columns", "kind"), ("columns", "branch"), ("pieces", "steps"), ("pieces", '"values"'),
    ("pieces", "first_step"), ("files", "name"), ("blobs", "dtype"), ("blobs", "shape"), ("blobs", "key"),
    ("tensors", "name"), ("tensors", "blob"), ("checkpoints", "digest"), ("checkpoints", "id"),
    ("checkpoints", "bytes"), ("counter", "transactions"), ("nodes", "record"), ("info", "name"),
    ("blobs", "file"), ("checkpoints", "file"),
]  # fmt: skip


def mutate(path, chance):
    """Damage a run directory; returns what was done, in words."""
    kinds = chance.choices([_record, _cell, _bytes], [3, 1, 2], k=chance.choice([1, 1, 2]))
    return [kind(path, chance) for kind in sorted(kinds, key=[_record, _cell, _bytes].index)]


def _bytes(path, chance):
    names = ["run.db", "run.db", "run.db-wal", "journal", "lock", "checkpoints"]
    files = [
        its for its in sorted(path.rglob("*")) if its.is_file() and (its.name in names or its.parent.name in names)
    ]
    file = chance.choice(files)
    content = bytearray(file.read_bytes())
    kind = chance.choice(["flip", "flip", "cut", "insert", "blank", "grow", "remove", "repeat"])
    at = chance.choice([chance.randrange(len(content) + 1), chance.randrange(min(len(content), 300) + 1)])
    match kind:
        case "flip":
            for _ in range(chance.choice([1, 3, 30])):
                if content:
                    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        case "cut":
            del content[at:]
        case "insert":
            content[at:at] = chance.randbytes(chance.choice([1, 8, 500]))
        case "blank":
            content[at : at + 600] = bytes(len(content[at : at + 600]))
        case "grow":
            content[:8] = chance.choice([2**60, 2**63 + 5, 99_000_000, 0]).to_bytes(8, "little")
        case "repeat":
            content[at:at] = content[: chance.randrange(5000)]
    if kind == "remove":
        file.unlink()
    else:
        file.write_bytes(content)
    return f"{kind} in {file.name} at {at}"


def _cell(path, chance):
    table, column = chance.choice(PLAIN)
    odd = chance.choice(
        [*(its for its in ODD if its is None or isinstance(its, int | float | str)), b"\xff\x00", b"1234567"]
    )
    if (isinstance(odd, int) and abs(odd) >= 2**63) or odd == "\ud800":
        odd = 2**63 - 1
    return _write(path, table, column, odd, chance)


def _record(path, chance):
    table, column = chance.choice(TEXTS)
    with _database(path) as db:
        rows = db.execute(f"SELECT {column} FROM {table}").fetchall()
        if not rows:
            return "nothing"
        text = chance.choice(rows)[0]
        try:
            record = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            return "nothing"
    if chance.random() < 0.05:
        new = chance.choice([DEEP, "{", "NaN", "", '{"a":1}', text[: len(text) // 2]])
    else:
        new = json.dumps(_changed(record, chance))
    return _write(path, table, column, new, chance, text)


def _changed(record, chance):
    """The record with one thing in it, at whatever depth, changed."""
    if isinstance(record, dict) and record and chance.random() < 0.85:
        name = chance.choice(list(record))
        match chance.random():
            case x if x < 0.12:
                return {key: its for key, its in record.items() if key != name}
            case x if x < 0.2:
                return {**record, str(chance.choice(ODD)): record[name]}
            case _:
                return {**record, name: _changed(record[name], chance)}
    if isinstance(record, list) and record and chance.random() < 0.85:
        at = chance.randrange(len(record))
        return [*record[:at], _changed(record[at], chance), *record[at + 1 :]][chance.choice([0, 0, 0, 1]) :]
    return chance.choice(ODD)


def _write(path, table, column, new, chance, old=None):
    with _database(path) as db:
        where = (" WHERE " + f"{column} = ?", (old,)) if old is not None else ("", ())
        if old is None and chance.random() < 0.7 and table != "tensors":
            rows = [
                row[0]
                for row in db.execute(f"SELECT rowid FROM {table}" if table != "info" else "SELECT name FROM info")
            ]
            if rows:
                where = (" WHERE rowid = ?" if table != "info" else " WHERE name = ?"), (chance.choice(rows),)
        try:
            db.execute(f"UPDATE {table} SET {column} = ?{where[0]}", (new, *where[1]))
            db.commit()
        except sqlite3.Error as error:
            return f"nothing: {error}"
    if column == '"values"' and table == "checkpoints":
        _sign(path)
    return f"{table}.{column} of {old!r:.60} = {new!r:.200}"


def _sign(path):
    """Give checkpoints whose values were changed the digest that goes with them, as somebody who means harm would."""
    with _database(path) as db:
        db.execute("UPDATE checkpoints SET digest = digest")
        db.commit()
        names = [name for (name,) in db.execute("SELECT id FROM checkpoints")]
    try:
        reader = DiskReader(path)
    except OSError:
        return
    reader._compare = lambda snapshot, manifest: found.update({manifest.id: snapshot})
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            reader.load_checkpoint(name)
    reader.close()
    with _database(path) as db:
        for name, snapshot in found.items():
            with contextlib.suppress(TypeError, ValueError, RecursionError):
                db.execute("UPDATE checkpoints SET digest = ? WHERE id = ?", (snapshot.digest(), name))
        db.commit()


class _database:  # noqa: N801  # used as a function
    def __init__(self, path):
        self._db = sqlite3.connect(path / "run.db")

    def __enter__(self):
        return self._db

    def __exit__(self, *_):
        self._db.close()


def chance_of(number):
    return random.Random(f"retune {number}")
