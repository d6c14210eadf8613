"""A run whose database is lost or damaged comes back from its files, and trains on with the bits it would have had."""

import shutil
import sqlite3

import pytest

import retune_widget as rt
from tests.resuming import again, evict, lose, train
from tests.rig import shape


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run with changes, branches and an unsaved tail that was lost as in a crash; nobody writes to it."""
    path = tmp_path_factory.mktemp("original") / "run"
    run = train(path)
    run.step(4)
    run.set(lr=0.03, note="faster <b>&")
    run.step(3)
    run.set(lr=0.02, weight_decay=0.1)
    run.step(2)
    run.branch("n1", lr=0.002, name="slower")
    run.step(3)
    gone = run.branch("n1", lr=1.0)
    run.step(2)
    run.restore(run.tree.last(run.tree.branch("slower")))
    run.delete_branch(gone)
    run.step(2)
    run.note("n2", "a note that came later")
    run.checkpoint("here")
    run.step(3)
    run.flush()
    shutil.copytree(path, path.with_name("crashed"))
    run.close()
    return path.with_name("crashed")


@pytest.fixture
def path(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def tables(run):
    return [str(its) for its in (run.history, run.changes, run.nodes, shape(run), run.head)]


def trained_on(path):
    """The tables and the digest after the run was resumed and trained on."""
    run = again(path)
    run.step(5)
    run.set(weight_decay=0.05)
    run.step(2)
    seen = run.history.drop(columns="elapsed").to_string(), run.digest(), shape(run), run.head
    run.close()
    return seen


@pytest.fixture(scope="module")
def expected(original, tmp_path_factory):
    copy = shutil.copytree(original, tmp_path_factory.mktemp("expected") / "run")
    return tables(rt.open(copy)), trained_on(copy)


def remove(path):
    for name in ("run.db", "run.db-wal", "run.db-shm"):
        (path / name).unlink(missing_ok=True)


def empty(path):
    remove(path)
    (path / "run.db").touch()


def garble(path):
    settle(path)
    (path / "run.db").write_bytes(b"\x5a" * 9000)


def truncate(path):
    settle(path)
    content = (path / "run.db").read_bytes()
    (path / "run.db").write_bytes(content[: len(content) // 2])


def lose_the_log(path):
    (path / "run.db-wal").unlink()


def cut_the_log(path):
    content = (path / "run.db-wal").read_bytes()
    (path / "run.db-wal").write_bytes(content[: len(content) // 3])


def spoil_pages(path):
    settle(path)
    content = bytearray((path / "run.db").read_bytes())
    for page in range(3, len(content) // 4096, 4):
        content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    (path / "run.db").write_bytes(content)


def settle(path):
    """Bring the log into the database, as a clean end does."""
    db = sqlite3.connect(path / "run.db")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


DAMAGES = [remove, empty, garble, truncate, lose_the_log, cut_the_log, spoil_pages]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_comes_back_whole_and_trains_on_bit_for_bit(path, expected, damage):
    damage(path)
    before = {its.name: its.read_bytes() for its in path.iterdir() if its.is_file() and its.stat().st_size}
    for look in (rt.open, again):
        with pytest.raises(rt.StoreError, match=r"retune_widget\.repair\("):
            look(path)
    report = rt.repair(path)
    assert report.damage
    assert report.lost == ()
    assert "was rebuilt" in str(report)
    for name in ("run.db", "run.db-wal"):
        if name in before:
            assert (path / name.replace("run.db", "run.db.damaged1")).read_bytes() == before[name]
    assert tables(rt.open(path)) == expected[0]
    assert trained_on(path) == expected[1]
    assert rt.repair(path).damage == ()


def test_a_run_with_which_nothing_is_wrong_is_left_alone(path):
    before = {its: its.read_bytes() for its in path.rglob("*") if its.is_file() and its.suffix != ".db-shm"}
    report = rt.repair(path)
    assert (report.damage, report.lost, report.kept) == ((), (), ())
    assert str(report).startswith("Nothing is wrong with the run")
    assert {its: its.read_bytes() for its in before} == before


def test_without_a_journal_the_files_bring_back_the_tree(path, expected):
    """Each file repeats the records since the one before it, so all but the history and the last words are there."""
    whole = rt.open(path)
    remove(path)
    (path / "journal").unlink()
    report = rt.repair(path)
    run = rt.open(path)
    assert shape(run) == shape(whole)
    assert [(b.name, b.fork_step) for b in run.tree.branches] == [(b.name, b.fork_step) for b in whole.tree.branches]
    assert run.changes.equals(whole.changes)
    assert [node.values for node in run.tree.nodes] == [node.values for node in whole.tree.nodes]
    assert run.head.node_id == whole.head.node_id
    assert len(run.history) == 0
    assert report.rows == 0
    run = again(path)
    assert run.digest() == whole.tree.node(whole.head.node_id).digest
    run.step(1)
    run.close()


def test_a_journal_with_a_hole_and_a_damaged_database_together_give_all(path, expected):
    """A line in the middle is lost; the database has lost its log; the files fill the gap."""
    lines = (path / "journal").read_bytes().splitlines(keepends=True)
    hurt = next(i for i, line in enumerate(lines) if b'"node"' in line and b"slower" not in line and i > 20)
    lines[hurt] = lines[hurt].replace(b'"node"', b'"nude"')
    (path / "journal").write_bytes(b"".join(lines))
    whole = rt.open(path)
    remove(path)
    report = rt.repair(path)
    assert "journal.damaged1" in report.kept
    run = rt.open(path)
    assert [node.id for node in run.tree.nodes] == [node.id for node in whole.tree.nodes]
    assert len(run.history) == len(whole.history)
    assert rt.repair(path).damage == ()


def test_a_database_alone_gives_what_it_still_has(path):
    settle(path)
    (path / "journal").unlink()
    whole = rt.open(path)
    db = sqlite3.connect(path / "run.db")
    db.execute("UPDATE nodes SET record = substr(record, 1, 40) WHERE id = 'n2'")
    db.commit()
    db.close()
    report = rt.repair(path)
    run = rt.open(path)
    assert [node.id for node in run.tree.nodes] == [node.id for node in whole.tree.nodes]  # n2 from its file
    assert run.history.equals(whole.history)
    assert report.damage


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_a_lost_checkpoint_is_said_and_the_head_goes_back_before_it(path, how):
    run = again(path)
    last = run.tree.nodes[-1]
    run.close()
    node = rt.open(path).tree.nodes[-1]
    file = path / "checkpoints" / f"{node.checkpoint.id}.safetensors"
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        flipped = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]
        file.write_bytes(content[:-7] if how == "cut" else flipped)
    with pytest.raises(rt.StoreError, match=r"damaged|cannot be read"):
        again(path)
    report = rt.repair(path)
    assert any(node.id in its for its in report.lost)
    if how != "gone":
        assert f"checkpoints/{file.name}.damaged1" in report.kept
    run = again(path)
    assert run.head.step < node.step or node is last
    run.step(2)
    run.close()


def test_the_head_goes_elsewhere_where_nothing_is_left_on_its_way(path):
    run = rt.open(path)
    way = {node.checkpoint.id for node in run.tree.lineage(run.tree.node(run.head.node_id))}
    left = [node for node in run.tree.nodes if node.checkpoint.id not in way]
    for checkpoint in way:
        (path / "checkpoints" / f"{checkpoint}.safetensors").unlink()
    report = rt.repair(path)
    assert report.checkpoints == len({node.checkpoint.id for node in left}) > 0
    run = again(path)
    assert (run.head.node_id, run.digest()) == (left[-1].id, run.tree.node(left[-1].id).digest)
    run.step(2)
    run.close()


@pytest.mark.parametrize("lost", [remove, spoil_pages])
def test_a_file_whose_manifest_was_spoiled_is_not_taken_for_sound(path, lost):
    """All its tensors are what their names say. Another copy of the manifest may be in what is left of the database."""
    node = rt.open(path).tree.nodes[-1]
    file = path / "checkpoints" / f"{node.checkpoint.id}.safetensors"
    content = file.read_bytes()
    spoiled = content.replace(b'\\"noise_seed\\":0', b'\\"noise_seed\\":1')
    assert len(spoiled) == len(content)
    assert spoiled != content
    file.write_bytes(spoiled)
    lost(path)
    report = rt.repair(path)
    there = rt.open(path).tree.node(node.id).saved
    assert there == (not any(node.id in its for its in report.lost))
    assert not (lost is remove and there)
    assert rt.repair(path).damage == ()
    again(path).close()


@pytest.mark.parametrize("damage", [remove, spoil_pages])
def test_freed_checkpoints_stay_freed_and_are_rebuilt_as_before(path, damage):
    run = again(path)
    freed = []
    for _ in range(3):
        run.step(2)
        freed.append(run.checkpoint())
    run.flush()
    node, digest = freed[1].id, freed[1].digest
    evict(run, node)
    run.close()
    damage(path)
    report = rt.repair(path)
    assert report.lost == ()
    run = again(path)
    assert run.tree.node(node).checkpoint.status == "evicted"
    run.restore(node)
    assert run.digest() == digest
    run.close()


def test_nothing_is_repaired_while_somebody_writes(path):
    run = again(path)
    with pytest.raises(rt.StoreError, match="is open already"):
        rt.repair(path)
    run.close()


def test_repair_where_there_is_no_run(tmp_path):
    with pytest.raises(rt.StoreError, match="There is no run in"):
        rt.repair(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_crash_between_commit_and_journal_is_healed_at_the_next_opening(path):
    journal = path / "journal"
    content = journal.read_bytes()
    journal.write_bytes(content[:-300])
    whole = tables(rt.open(path))
    run = again(path)
    lose(run)
    remove(path)
    rt.repair(path)
    assert tables(rt.open(path))[1:4] == whole[1:4]
