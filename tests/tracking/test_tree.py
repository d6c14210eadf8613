"""The tree by itself: lineages, paths, names, deletion."""

import json

import pytest

from retune_widget.errors import StatusError, UnknownNodeError
from retune_widget.tracking.changes import merged
from retune_widget.tracking.history import History
from retune_widget.tracking.lineage import check_deletable, is_tip, last_change, name_of_change
from retune_widget.tracking.tree import CheckpointHandle, Tree, ValueChange, brief_label, change_label, short
from retune_widget.tracking.value_changes import Governing, factor


class Planted:
    """A tree with its history, grown by hand."""

    def __init__(self):
        self.tree, self.history = Tree(), History(list)
        self.main = self.tree.branches[0]
        self.root = self.node(self.main, 0)

    def node(self, branch, step, *, parent=None, changes=(), cause="manual"):
        return self.tree.add_node({
            "branch": branch, "step": step, "epoch": 0, "parent": parent, "cause": cause, "changes": tuple(changes),
            "checkpoint": CheckpointHandle(f"c{step}"), "values": {"lr": 0.1},
        })  # fmt: skip

    def train(self, branch, first, last):
        for step in range(first, last + 1):
            self.history.record(branch.id, step, step / 10, {"train/loss": 1 / step})


def lr(old, new):
    return ValueChange("lr", old, new)


def test_paths_and_lineages_follow_the_forks():
    it = Planted()
    a = it.node(it.main, 3, parent=it.root)
    b = it.node(it.main, 6, parent=a)
    one = it.tree.add_branch("one", a, named_by_hand=True)
    c = it.node(one, 5, parent=a)
    two = it.tree.add_branch("two", c, named_by_hand=True)
    assert it.tree.lineage(c) == (it.root, a, c)
    assert it.tree.lineage(two) == (it.root, a, c)
    assert it.tree.path(two) == ((it.main, 3), (one, 5), (two, -1))
    assert it.tree.path(c) == ((it.main, 3), (one, 5))
    assert it.tree.path(b) == ((it.main, 6),)
    assert it.tree.last(two) is c
    assert list(it.tree.children(a)) == [b, c]


def test_a_branch_without_nodes_ends_at_its_fork():
    it = Planted()
    branch = it.tree.add_branch("one", it.root, named_by_hand=False)
    assert it.tree.last(branch) is it.root
    assert branch.fork_step == 0
    assert it.history.tip(branch) == 0


def test_the_tip_is_where_nothing_follows():
    it = Planted()
    it.train(it.main, 1, 5)
    inner, tip = it.node(it.main, 3, parent=it.root), it.node(it.main, 5, parent=it.root)
    assert not is_tip(it.tree, it.history, inner)
    assert is_tip(it.tree, it.history, tip)
    it.train(it.main, 6, 6)
    assert not is_tip(it.tree, it.history, tip)


def test_a_node_with_changes_is_no_tip_for_it_holds_what_was_before_them():
    it = Planted()
    it.train(it.main, 1, 5)
    assert not is_tip(it.tree, it.history, it.node(it.main, 5, parent=it.root, changes=[lr(0.1, 0.2)]))


def test_the_last_change_is_the_one_in_force():
    it = Planted()
    first = it.node(it.main, 3, parent=it.root, changes=[lr(0.1, 0.2)])
    plain = it.node(it.main, 5, parent=first)
    assert last_change(it.tree, it.main, plain, head_changed=False) is first
    assert last_change(it.tree, it.main, first, head_changed=True) is first
    assert last_change(it.tree, it.main, first, head_changed=False) is None
    beside = it.tree.add_branch("beside", first, named_by_hand=False)
    assert last_change(it.tree, beside, first, head_changed=True) is None
    onward = it.tree.add_branch("onward", plain, named_by_hand=False)
    assert last_change(it.tree, onward, plain, head_changed=False) is first


def test_deleting_takes_the_whole_bough():
    it = Planted()
    one = it.tree.add_branch("one", it.root, named_by_hand=True)
    a = it.node(one, 2, parent=it.root)
    two = it.tree.add_branch("two", a, named_by_hand=True)
    b = it.node(two, 4, parent=a)
    three = it.tree.add_branch("three", it.root, named_by_hand=True)
    check_deletable(it.tree, one, three)
    for here in (one, two):
        with pytest.raises(StatusError, match="The run stands on 'one'"):
            check_deletable(it.tree, one, here)
    with pytest.raises(StatusError, match="'main' is the first branch"):
        check_deletable(it.tree, it.main, three)
    assert it.tree.delete(one) == ((one, two), (a, b))
    assert it.tree.branches == (it.main, three)
    assert it.tree.nodes == (it.root,)


def test_ids_are_never_used_again():
    it = Planted()
    one = it.tree.add_branch("one", it.root, named_by_hand=True)
    gone = it.node(one, 2, parent=it.root)
    it.tree.delete(one)
    other = it.tree.add_branch("one", it.root, named_by_hand=True)
    assert other.id != one.id
    assert it.node(other, 2, parent=it.root).id != gone.id


def test_unknown_places_say_what_there_is():
    it, other = Planted(), Planted()
    with pytest.raises(UnknownNodeError, match=r"There is no node 'n7' in this run. `run.nodes` lists the 1 there are"):
        it.tree.node("n7")
    with pytest.raises(UnknownNodeError, match="belongs to another run, or its branch was deleted"):
        it.tree.node(other.root)
    with pytest.raises(UnknownNodeError, match=r"There is no branch 'one' in this run. There are: 'main'"):
        it.tree.branch("one")
    assert it.tree.node(it.root) is it.tree.node("n0") is it.root


def test_every_edit_raises_the_revision():
    it = Planted()
    seen = [it.tree.revision]
    for edit in (
        lambda: it.node(it.main, 2, parent=it.root),
        lambda: it.tree.add_branch("one", it.root, named_by_hand=True),
        lambda: it.tree.rename(it.main, "trunk"),
        it.tree.edited,
        lambda: it.tree.delete(it.tree.branch("one")),
    ):
        edit()
        seen.append(it.tree.revision)
    assert sorted(set(seen)) == seen


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "1e-3"), (0.00123, "1.23e-3"), (0.05, "0.05"), (0.1, "0.1"), (0, "0"), (0.0, "0"), (1.0, "1"),
        (64, "64"), (1_000_000, "1000000"), (123456.0, "1.235e5"), (True, "on"), (False, "off"), (-0.001, "-1e-3"),
        (0.1 + 0.2, "0.3"), (1 / 3, "0.3333"), (float("inf"), "inf"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_numbers_as_a_person_would_write_them(value, text):
    assert short(value) == text


def test_changes_in_words():
    it = Planted()
    changes = (lr(0.1, 0.001), ValueChange("momentum", 0, 0.9))
    assert change_label(changes) == "lr 0.1→1e-3, momentum 0→0.9"
    assert name_of_change(it.node(it.main, 300, changes=changes)) == "lr=1e-3, … @300"
    assert name_of_change(it.node(it.main, 7, changes=[ValueChange("betas[0]", 0.9, 0.8)])) == "betas[0]=0.8 @7"


def test_a_node_as_plain_data_is_whole():
    it = Planted()
    node = it.node(it.main, 3, parent=it.root, changes=[lr(0.1, 0.2)])
    record = node.record()
    assert (record["parent"], record["changes"]) == ("n0", [("lr", 0.1, 0.2, None)])
    assert (node.saved, node.digest, node.label) == (False, None, "lr 0.1→0.2")


def test_a_node_that_is_not_reached_again_casts_doubt_on_what_follows_it_alone():
    it = Planted()
    a = it.node(it.main, 3, parent=it.root)
    b = it.node(it.main, 6, parent=a)
    one = it.tree.add_branch("one", a, named_by_hand=True)
    c = it.node(one, 5, parent=a)
    before = it.tree.revision
    it.tree.judge(b, None)
    it.tree.judge(a, "another loss")
    it.tree.judge(c, "another weight")
    d = it.node(one, 7, parent=c)
    assert it.tree.revision > before
    assert [node.verified for node in (it.root, a, b, c, d)] == [None, False, True, False, None]
    here = "on the way here, is not reached again"
    expected = [
        None, "it is not reached again: another loss", f"n1, {here}", "it is not reached again: another weight",
        f"n3, {here}",
    ]  # fmt: skip
    assert [node.why for node in it.tree.nodes] == expected
    branches, nodes = ([its.record() for its in part] for part in (it.tree.branches, it.tree.nodes))
    again = Tree.from_records(branches, nodes, CheckpointHandle)
    assert [(node.why, node.verified) for node in again.nodes] == [(node.why, node.verified) for node in it.tree.nodes]
    it.tree.judge(c, None)
    assert (c.why, d.why) == (f"n1, {here}", f"n1, {here}")
    it.tree.judge(a, None)
    assert all(node.exact for node in it.tree.nodes)


def test_nodes_of_before_there_were_verdicts():
    it = Planted()
    record = it.node(it.main, 3, parent=it.root).record()
    record["why"] = "the loop was left inside step 3"
    del record["verified"], record["differs"]
    tree = Tree.from_records([it.main.record()], [it.root.record(), record], CheckpointHandle)
    node = tree.node("n1")
    assert (node.exact, node.why, node.verified) == (False, "the loop was left inside step 3", None)


COSINE = {"curve": {"kind": "cosine"}}


def governed(old, new, before, after, text="cosine(0.1 → 0, 9)"):
    return ValueChange("lr", old, new, None, Governing(before, after, text))


def test_who_decides_is_in_the_label_and_the_name():
    it, change = Planted(), governed(0.1, 0.1, None, COSINE)
    assert change_label((change, ValueChange("momentum", 0, 0.9))) == "lr: cosine(0.1 → 0, 9), momentum 0→0.9"
    node = it.node(it.main, 7, changes=[change])
    assert name_of_change(node) == "lr ~ cosine @7"
    assert node.label == "lr ~ cosine"


@pytest.mark.parametrize(
    ("text", "after", "brief"),
    [
        ("warmup(100, then cosine(0.1 → 0, 900))", {"held": None}, "lr ~ warmup + cosine"),
        ("×0.5 of warmup + cosine", {"held": None}, "lr ×0.5 of warmup + cosine"),
        ("×0.3333 of cosine", {"scale": 1 / 3}, "lr ×0.33 of cosine"),
        ("held at 0.0003", {"held": 3e-4}, "lr held at 3e-4"),
        ("released to cosine", {"held": None}, "lr released to cosine"),
        ("without cosine", None, "lr without cosine"),
        ("", None, "lr 0.1→0.2"),
    ],
)
def test_a_brief_label_says_what_became_of_the_schedule(text, after, brief):
    assert brief_label((governed(0.1, 0.2, COSINE, after, text),)) == brief


@pytest.mark.parametrize(
    ("scale", "text"),
    [(1.0, "1.0"), (0.5, "0.50"), (1 / 3, "0.33"), (12.34, "12"), (3.21e-4, "3.2e-4"), (321.0, "320")],
)
def test_a_factor_has_two_digits(scale, text):
    assert factor(scale) == text


def test_who_decides_is_the_same_again_from_plain_data():
    for change in (governed(0.1, 0.2, None, COSINE), lr(0.1, 0.2)):
        record = json.loads(json.dumps(change.record()))
        assert ValueChange.from_record(record) == change
    assert len(lr(0.1, 0.2).record()) == 4  # as earlier versions wrote it


def test_changes_at_one_boundary_are_one_also_of_who_decides():
    taken, back = governed(0.1, 0.5, None, COSINE), governed(0.5, 0.1, COSINE, None, "without cosine")
    assert merged((taken,), (back,)) == ()
    kept = governed(0.5, 0.5, COSINE, None, "without cosine")
    assert merged((taken,), (kept,)) == (lr(0.1, 0.5),)
    assert merged((lr(0.1, 0.3),), (governed(0.3, 0.5, None, COSINE),)) == (taken,)
    assert merged(merged((taken,), (kept,)), (lr(0.5, 0.2),)) == (lr(0.1, 0.2),)
    assert merged((taken,), (governed(0.5, 0.1, COSINE, {"scale": 2}, "×2"),)) == (
        governed(0.1, 0.1, None, {"scale": 2}, "×2"),
    )
