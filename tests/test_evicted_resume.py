"""Evicted nodes after the process has ended."""

import pytest

import retune_widget as rt
from tests.resuming import again, evict, lose, steered, train


def test_what_was_evicted_is_evicted_after_a_resume_and_comes_back(tmp_path):
    path = tmp_path / "run"
    run = train(path)
    digests = steered(run)
    evict(run, "n1", "n2")
    lose(run)
    saved = rt.open(path)
    assert [saved.tree.node(its).checkpoint.status for its in ("n1", "n2")] == ["evicted"] * 2
    run = again(path)
    assert [run.tree.node(its).checkpoint.status for its in ("n1", "n2", "n4")] == ["evicted", "evicted", "saved"]
    assert run.tree.node("n1").digest == digests["n1"]
    evict(run, "n4")  # a checkpoint of the earlier process: it is read once for its digest
    for name in ("n2", "n4", "n1"):
        run.restore(name)
        assert run.digest() == digests[name]
    run.close()


def test_it_is_said_before_it_is_done_and_a_crash_in_between_leaves_it_kept(tmp_path, monkeypatch):
    path = tmp_path / "run"
    run = train(path)
    digests = steered(run)
    said, save = [], run._store.save_node

    def refuse(branches, nodes, checkpoints):
        said.append("delete")
        raise rt.StoreError("held up")

    monkeypatch.setattr(run._store, "delete", refuse)
    monkeypatch.setattr(run._store, "save_node", lambda its: (said.append(its.get("evicted")), save(its)))
    run.evict("n2")
    run.flush()
    assert said[:2] == [True, "delete"]
    assert [its for its in run.problems if "held up" in its]
    save(run.tree.node("n2").record())  # as if the transaction had ended between the two, and then the process
    lose(run)
    run = again(path)
    node = run.tree.node("n2")
    assert (node.saved, node.checkpoint.evicted, node.digest) == (True, False, digests["n2"])
    run.restore(node)
    assert run.digest() == digests["n2"]
    run.close()


def damaged(run, *names):
    """The checkpoints of these nodes cannot be read any more."""
    ids, read = {run.tree.node(its).checkpoint.id for its in names}, run._store.load_checkpoint

    def load(checkpoint_id):
        if checkpoint_id in ids:
            raise rt.StoreError("it is damaged.")
        return read(checkpoint_id)

    run._store.load_checkpoint = load
    return ids


def test_a_damaged_checkpoint_of_an_earlier_process_stays_and_the_others_go(tmp_path):
    run = train(tmp_path / "run", checkpoint_every=2, window=1000)
    run.step(12)
    run.close()
    run = again(tmp_path / "run", checkpoint_every=2, window=4)
    damaged(run, "n2", "n3")
    run.step(2)
    run.flush()
    run.step(2)
    run.flush()
    assert [its.checkpoint.status for its in run.tree.nodes[1:6]] == ["evicted", "saved", "saved", "evicted", "evicted"]
    assert run.problems == ["What cannot be read is not evicted: n3, n2. it is damaged."]
    with pytest.raises(rt.StatusError, match=r"n2 keeps its checkpoint: it cannot be read: it is damaged\."):
        run.evict("n2")
    run.restore("n4")  # trained again from the start, not from n3
    run.flush()
    del run._store.load_checkpoint
    run.evict("n2")
    assert run.problems == ["What cannot be read is not evicted: n3. it is damaged."]
    run.close()


def test_nothing_is_evicted_that_would_be_trained_again_from_a_damaged_checkpoint(tmp_path):
    run = train(tmp_path / "run", checkpoint_every=2, window=1000)
    run.step(4)
    run.close()
    run = again(tmp_path / "run", checkpoint_every=2, window=2)
    damaged(run, "n0")
    run.step(1)
    run.flush()
    assert [its.checkpoint.status for its in run.tree.nodes] == ["saved"] * 3
    run.step(2)
    run.flush()
    run.step(1)
    assert [its.checkpoint.status for its in run.tree.nodes[:3]] == ["saved", "saved", "evicted"]
    assert run.problems == ["What cannot be read is not evicted: n0. it is damaged."]
    run.close()
