"""A run directory made by somebody who means harm: it leads nowhere, allocates nothing, runs nothing."""

import json
import os
import sqlite3

import pytest
import torch

import retune_widget as rt
from retune_widget.storage import FORMAT_VERSION, DiskStore
from retune_widget.storage.directory import SUPER_JOURNAL
from tests.resuming import again, network, train
from tests.storage.states import snapshot

SECRET = b"somebody's own file"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run"
    run = train(path)
    run.step(2)
    run.set(lr=0.5)
    run.step(1)
    run.branch("n0", lr=0.1, name="<b onclick=alert(1)>other</b>")
    run.note("n1", "<script>alert(1)</script>")
    run.step(1)
    run.close()
    return path


def change(path, query, *values):
    db = sqlite3.connect(path / "run.db")
    db.execute(query, values)
    db.commit()
    db.close()


def edit(path, table, where, **fields):
    db = sqlite3.connect(path / "run.db")
    (text,) = db.execute(f"SELECT record FROM {table} WHERE {where}").fetchone()
    db.execute(f"UPDATE {table} SET record = ? WHERE {where}", (json.dumps({**json.loads(text), **fields}),))
    db.commit()
    db.close()


def refused(path, match):
    for look in (rt.open, again):
        with pytest.raises(rt.StoreError, match=match):
            look(path)


@pytest.mark.parametrize("name", ["run.db", "run.db-wal", "run.db-journal", "lock", "journal", "checkpoints"])
def test_a_link_in_the_place_of_a_file_is_not_followed(path, tmp_path, name):
    victim = tmp_path / "thesis.tex"
    victim.write_bytes(SECRET)
    if (path / name).exists():
        (path / name).rename(tmp_path / "away")
    (path / name).symlink_to(victim)
    with pytest.raises(rt.StoreError, match=r"is no plain"):
        again(path)
    with pytest.raises(rt.StoreError, match=r"is no plain|is missing"):
        rt.open(path)
    with pytest.raises(rt.StoreError, match=r"is no plain"):
        rt.repair(path)
    assert victim.read_bytes() == SECRET


def test_a_checkpoint_that_is_a_link_or_a_pipe_is_not_opened(path, tmp_path):
    for place in (path / "checkpoints").iterdir():
        place.rename(tmp_path / place.name)
        place.symlink_to(tmp_path / place.name)
    with pytest.raises(rt.StoreError, match=r"is no plain file"):
        again(path)
    for place in (path / "checkpoints").iterdir():
        place.unlink()
        os.mkfifo(place)
    with pytest.raises(rt.StoreError, match=r"is no plain file"):
        again(path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd.safetensors", "../a.safetensors", "a\0.safetensors"])
def test_a_name_that_leads_out_is_not_opened(path, name):
    change(path, "UPDATE files SET name = ? WHERE id = (SELECT max(id) FROM files)", name)
    with pytest.raises(rt.StoreError, match=r"names a file outside it"):
        again(path)


def test_a_journal_of_sqlites_that_names_a_file_to_delete_is_not_played(path):
    (path / "run.db-journal").write_bytes(bytes(512) + SUPER_JOURNAL)
    refused(path, "names files outside the run directory")


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE nodes; CREATE VIEW nodes AS WITH r(x) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT * FROM r",
        "CREATE TRIGGER t AFTER INSERT ON info BEGIN DELETE FROM nodes; END",
        "CREATE TABLE more (x)",
        "DROP TABLE pieces",
        "ALTER TABLE nodes ADD COLUMN c GENERATED ALWAYS AS (zeroblob(1000000000)) VIRTUAL",
    ],
)
def test_tables_that_are_not_ours_are_not_read(path, script):
    db = sqlite3.connect(path / "run.db")
    db.executescript(script)
    db.close()
    refused(path, "has other tables than retune-widget makes")


def test_a_header_that_claims_the_moon_allocates_nothing(path):
    for size in (2**60, 2**63 + 1, 99_000_000, 0, 7):
        for file in (path / "checkpoints").iterdir():
            file.write_bytes(size.to_bytes(8, "little") + file.read_bytes()[8:])
        with pytest.raises(rt.StoreError, match="cannot be read"):
            again(path)
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**58], "data_offsets": [0, 2**60]}}).encode()
    for file in (path / "checkpoints").iterdir():
        file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(rt.StoreError, match="cannot be read"):
        again(path)


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 100_000 + "]" * 100_000, "[" * 900 + "]" * 900, "1" * 5000, "\ud800".encode("utf8", "surrogatepass")],
)
def test_json_that_is_none_or_too_deep_is_refused(path, text):
    change(path, "UPDATE info SET value = ? WHERE name = 'fingerprint'", text)
    refused(path, r"holds what was never written|cannot be read|do not fit together")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"step": "3"}, "'step' cannot be '3'"),
        ({"step": -1}, "'step' cannot be -1"),
        ({"step": float("nan")}, "'step' cannot be nan"),
        ({"step": 10**30}, "'step' cannot be 1000"),
        ({"step": True}, "'step' cannot be True"),
        ({"epoch": 2**40}, "'epoch' cannot be"),
        ({"cause": "exec"}, "'cause' cannot be 'exec'"),
        ({"created": 1e300}, "'created' cannot be"),
        ({"values": {"lr": "high"}}, "'values' cannot be"),
        ({"changes": [["lr", 1]]}, "'changes' cannot be|not enough values"),
        ({"id": "n0"}, "two branches or two nodes have one id"),
        ({"parent": "n1"}, "does not grow from one before it"),
        ({"parent": "n99"}, "does not grow from one before it"),
        ({"parent": None}, "does not grow from one before it"),
        ({"branch": 77}, "is on a branch that is not there"),
        ({"checkpoint": "../../x"}, "'checkpoint' cannot be"),
        ({"note": None}, "'note' cannot be None"),
    ],
)
def test_a_node_of_another_kind_is_refused(path, fields, match):
    edit(path, "nodes", "id = 'n1'", **fields)
    refused(path, match)


@pytest.mark.parametrize(
    ("where", "fields", "match"),
    [
        ("id = 1", {"fork": "n2"}, "does not grow from a node"),
        ("id = 1", {"fork": "n99"}, "does not grow from a node"),
        ("id = 1", {"fork": None}, "not one branch that the others grew from"),
        ("id = 1", {"name": "main"}, "two branches have one name"),
        ("id = 1", {"id": 0}, "have one id"),
        ("id = 0", {"name": 7}, "'name' cannot be 7"),
        ("id = 0", {"fork": "n0"}, "not one branch that the others grew from"),
    ],
)
def test_branches_in_a_circle_or_without_a_root_are_refused(path, where, fields, match):
    edit(path, "branches", where, **fields)
    refused(path, match)


def test_keys_that_are_not_known_are_let_be(path):
    edit(path, "nodes", "id = 'n1'", evicted=True, digest="ab", later={"a": [1]})
    assert rt.open(path).tree.node("n1").step == 2


def test_what_people_wrote_stays_text(path):
    run = rt.open(path)
    assert run.tree.branches[1].name == "<b onclick=alert(1)>other</b>"
    assert run.tree.node("n1").note == "<script>alert(1)</script>"
    assert "<script>alert(1)</script>" in run.nodes.note.tolist()
    assert "<script>" not in run.nodes._repr_html_()


def test_a_file_of_a_newer_format_is_refused(tmp_path, monkeypatch):
    store = DiskStore(tmp_path / "run")
    monkeypatch.setattr("retune_widget.storage.manifests.FORMAT_VERSION", FORMAT_VERSION + 1)
    store.save_checkpoint("c0", snapshot())
    with pytest.raises(
        rt.StoreError, match=rf"written by a newer.*format is {FORMAT_VERSION + 1}.*pip install --upgrade"
    ):
        store.load_checkpoint("c0")
    store.close()


def test_a_checkpoint_whose_bits_changed_is_refused_before_anything_is_written(path):
    node = rt.open(path).tree.nodes[-1]
    file = path / "checkpoints" / f"{node.checkpoint.id}.safetensors"
    content = bytearray(file.read_bytes())
    content[-100] ^= 4
    file.write_bytes(content)
    model = network()
    before = [its.clone() for its in model.parameters()]
    with pytest.raises(rt.StoreError, match="is damaged: it is not what was saved"):
        train(path, model=model, resume=True)
    assert all(torch.equal(*its) for its in zip(before, model.parameters(), strict=True))
