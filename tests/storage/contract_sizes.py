"""What every store says of the bytes that checkpoints take."""

from tests.storage.states import chunk, node, snapshot


class SizesContract:
    def test_the_size_is_that_of_all_checkpoints_and_the_pieces_say_what_deleting_which_frees(self, store):
        assert (store.size(), store.pieces()) == (0, [])
        added = [store.save_checkpoint(f"c{i}", snapshot(i // 2, frozen=19)) for i in range(3)]
        store.save_node(node())
        store.append_history([chunk(0, 500)])
        assert store.size() == sum(added)
        for order in (["c0", "c1", "c2"], ["c2", "c0", "c1"]):
            for i in range(3):
                store.save_checkpoint(f"c{i}", snapshot(i // 2, frozen=19))
            there = {"c0", "c1", "c2"}
            for checkpoint in order:
                pieces = store.pieces()
                assert set().union(*(its.checkpoints for its in pieces)) == there
                assert sum(its.bytes for its in pieces) == store.size()
                there.discard(checkpoint)
                store.delete([], [], [checkpoint])
                assert store.size() == sum(its.bytes for its in pieces if its.checkpoints & there)
            assert store.size() == 0
