"""The policy of eviction by itself: trees and sizes made up, what goes and what never does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from retune_widget.tracking.retention import Piece, to_evict, why_kept
from retune_widget.tracking.tree import CheckpointHandle, Tree
from retune_widget.tracking.ways import seconds_to_restore, way_to


class Grown:
    """A tree whose checkpoints take 10 bytes each, apart from `shared` ones."""

    def __init__(self):
        self.tree = Tree()
        self.branch = self.tree.branches[0]
        self.root = self.node(0, cause="start")

    def node(self, step, *, parent=None, branch=None, saved=True, handle=None, **fields):
        handle = handle or CheckpointHandle(f"c{len(self.tree.nodes)}")
        handle.saved = saved
        parent = parent or (self.tree.nodes[-1] if self.tree.nodes else None)
        return self.tree.add_node({
            "branch": branch or self.branch, "step": step, "epoch": 0, "parent": parent, "checkpoint": handle,
            "values": {}, "cause": "manual", **fields,
        })  # fmt: skip

    def pieces(self, size=10):
        ids = dict.fromkeys(node.checkpoint.id for node in self.tree.nodes)
        return [Piece(size, frozenset({its})) for its in ids]

    def evict(self, limit, *, window=None, pieces=None, head=None):
        head = head or self.tree.nodes[-1]
        return to_evict(
            self.tree, head, head.step, self.pieces() if pieces is None else pieces, limit=limit, window=window
        )


def test_the_least_valuable_go_first_then_the_cheap_ones_then_the_old_ones():
    it = Grown()
    former = it.node(10, cause="best")  # c1
    it.node(40, cause="change")  # c2
    it.node(50, cause="manual")  # c3
    it.node(54, cause="manual")  # c4
    it.node(64, cause="interval")  # c5
    it.node(90, cause="best")  # c6
    it.node(190, cause="interval")  # c7, inside the window
    it.node(200)
    assert it.evict(0, window=20).evict == ("c5", "c1", "c7", "c4", "c3", "c2", "c6")
    assert it.evict(80, window=20).evict == ("c5",)  # outside the window: it goes in any case
    assert it.evict(70, window=20).evict == ("c5", "c1")
    assert it.evict(70, window=None).evict == ("c1", "c5")
    assert it.evict(None, window=None).evict == ()
    assert former.checkpoint.saved  # the policy itself does nothing


def test_what_was_evicted_makes_its_descendants_dearer():
    it = Grown()
    for step in (10, 20, 30, 100):
        it.node(step)
    it.node(101)
    assert it.evict(40).evict == ("c1", "c3")  # without c1, c2 is 20 steps from what is kept, and c3 10


def test_what_never_goes():
    it = Grown()
    it.node(10, pinned=True)
    it.node(20, tainted="drawn by hand")
    it.node(30, origin="edited")
    it.node(35, differs="a weight differs")
    fork = it.node(40)
    it.node(50)
    side = it.tree.add_branch("side", fork, named_by_hand=True)
    it.node(45, parent=fork, branch=side)
    tip = it.node(60, parent=fork, branch=side)
    unsaved = it.node(70, parent=tip, branch=side, saved=False)
    plan = it.evict(0, head=unsaved)
    assert plan.evict == ("c5", "c7")
    assert plan.excess == 8 * 10 - 10  # c9 is not there yet
    reasons = {node.id: why_kept(it.tree, unsaved, node) for node in it.tree.nodes}
    assert reasons == {
        "n0": "it is the start, from which everything is reached again",
        "n1": "it is pinned",
        "n2": "n2 is not exact: drawn by hand",
        "n3": "the state of n3 was edited by hand",
        "n4": "n4 is not reached again: a weight differs",
        "n5": None,
        "n6": "it is the tip of a branch, or the last saved node before one",
        "n7": None,
        "n8": "it is the tip of a branch, or the last saved node before one",
        "n9": "its checkpoint is not in the store",
    }


def test_nothing_goes_whose_way_leads_through_a_state_that_is_nowhere():
    it = Grown()
    it.node(10, origin="edited", saved=False)
    it.node(20)
    it.node(30)
    assert it.evict(0).evict == ()


def test_nodes_that_share_a_checkpoint_go_together_or_not_at_all():
    it = Grown()
    shared = it.node(10)
    it.node(10, cause="change", handle=shared.checkpoint)
    it.node(20, cause="change")
    it.node(30)
    assert it.evict(0).evict == ("c1", "c3")
    shared.pinned = True
    assert it.evict(0).evict == ("c3",)


def test_bytes_that_others_need_are_not_counted_as_freed():
    it = Grown()
    for step in (10, 20, 30, 40):
        it.node(step)
    frozen = Piece(1000, frozenset({"c1", "c2", "c3"}))  # lies in the file of c1
    pieces = [*it.pieces(), frozen]
    assert it.evict(1045, pieces=pieces).evict == ("c1",)
    assert set(it.evict(1000, pieces=pieces).evict) == {"c1", "c2", "c3"}
    only = [Piece(10, frozenset({"c0"})), Piece(10, frozenset({"c4"})), Piece(500, frozenset({"c0", "c1", "c2", "c3"}))]
    plan = it.evict(100, pieces=only)
    assert (plan.evict, plan.excess) == ((), 420)  # none of them would free anything


def test_the_newest_best_node_of_each_branch_is_the_best():
    it = Grown()
    first = it.node(10, cause="best")
    it.node(20, cause="best")
    it.node(30)
    side = it.tree.add_branch("side", first, named_by_hand=True)
    it.node(25, parent=first, branch=side)
    assert it.evict(0, head=it.root).evict == ("c1", "c2")
    assert it.evict(40, head=it.root).evict == ("c1",)


causes = st.sampled_from(["change", "manual", "interval", "best", "policy"])
growth = st.tuples(
    st.floats(0, 1, exclude_max=True), st.integers(0, 30), causes, st.booleans(),
    st.sampled_from(["saved"] * 6 + ["unsaved", "pinned", "inexact", "edited", "shared"]),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(
    grown=st.lists(growth, max_size=25), limit=st.integers(0, 250), window=st.none() | st.integers(1, 100),
    data=st.data(),
)  # fmt: skip
def test_whatever_the_tree_no_protected_one_goes_and_the_rest_keeps_to_the_limit_if_it_can(grown, limit, window, data):
    it = Grown()
    for place, steps, cause, forks, kind in grown:
        parent = it.tree.nodes[int(place * len(it.tree.nodes))]
        branch = it.tree.add_branch("b", parent, named_by_hand=False) if forks else parent.branch
        fields = {
            "pinned": {"pinned": True}, "inexact": {"tainted": "a reason"}, "edited": {"origin": "edited"},
            "shared": {"handle": parent.checkpoint, "saved": parent.saved}, "unsaved": {"saved": False},
        }.get(kind, {})  # fmt: skip
        step = parent.step if kind == "shared" else parent.step + steps
        it.node(step, parent=parent, branch=branch, cause=cause, **fields)
    head = data.draw(st.sampled_from(it.tree.nodes))
    handles = list(dict.fromkeys(node.checkpoint for node in it.tree.nodes if node.saved))
    pieces = [Piece(10, frozenset({its.id})) for its in handles]
    if len(handles) > 2:
        pieces.append(Piece(25, frozenset(its.id for its in handles[1:3])))
    plan = it.evict(limit, window=window, pieces=pieces, head=head)
    evicted = set(plan.evict)
    assert len(evicted) == len(plan.evict)
    for node in it.tree.nodes:
        if node.checkpoint.id in evicted:
            assert node.saved
            assert not node.pinned
            assert node is not head
            assert node is not it.tree.root
            assert node not in {it.tree.last(branch) for branch in it.tree.branches}
            way = way_to(node, lambda its: its.saved and its.id not in evicted)
            assert way is not None
            assert way.obstacle is None
    left = sum(piece.bytes for piece in pieces if piece.checkpoints - evicted)
    assert plan.excess == max(0, left - limit)
    if plan.excess:  # then nothing that is left could go and free something
        again = it.evict(0, window=window, pieces=pieces, head=head)
        assert left == sum(piece.bytes for piece in pieces if piece.checkpoints - set(again.evict))


def test_seconds_to_restore_follow_the_clock_of_the_stretch():
    from retune_widget.tracking.history import History

    it, history = Grown(), History(list)
    first, second, _ = it.node(10), it.node(30), it.node(40)
    for step in range(1, 41):
        history.record(0, step, step * (0.1 if step <= 10 else 0.2) - (0 if step <= 10 else 1.0), {})
    assert seconds_to_restore(it.tree, history, second) == 0
    second.checkpoint.saved, second.checkpoint.evicted = False, True
    assert abs(seconds_to_restore(it.tree, history, second) - 4.0) < 1e-9
    first.checkpoint.saved, first.checkpoint.evicted = False, True
    assert abs(seconds_to_restore(it.tree, history, second) - 5.0) < 1e-9
    first.tainted = "a reason"
    assert seconds_to_restore(it.tree, history, second) is None
    first.checkpoint.evicted, first.checkpoint.error = False, "lost"
    assert seconds_to_restore(it.tree, history, first) is None


def test_what_cannot_be_read_stays_and_nothing_relies_on_it():
    it = Grown()
    for step in (10, 20, 30, 100):
        it.node(step)
    it.tree.nodes[2].checkpoint.unreadable = "damaged"
    assert it.evict(0).evict == ("c1", "c3")
    assert why_kept(it.tree, it.tree.nodes[-1], it.tree.nodes[2]) == "it cannot be read: damaged"
    assert way_to(it.tree.nodes[2]).start is it.tree.nodes[1]
    it.tree.root.checkpoint.unreadable = "damaged"
    assert it.evict(0).evict == ("c3",)
