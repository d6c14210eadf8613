"""What every store promises. Each implementation runs these tests through its own `store` fixture."""

import copy
import math
import threading

import numpy as np
import pytest
import torch

from retune_widget.engine.snapshot import Snapshot
from retune_widget.errors import StoreError
from retune_widget.storage import Store
from retune_widget.tracking.history import HistoryChunk
from tests.storage.contract_sizes import SizesContract
from tests.storage.states import (
    PAYLOAD_NAN,
    VALUES,
    bits,
    branch,
    change,
    chunk,
    every_kind,
    float32,
    node,
    snapshot,
)


class StoreContract(SizesContract):
    def test_a_new_store_is_empty(self, store):
        record = store.load()
        assert record.info == {}
        assert [record.branches, record.nodes, record.changes, record.history, record.checkpoints] == [[]] * 5

    def test_info_is_merged_by_name(self, store):
        store.save_info({"seed": 1, "torch": "2.13", "limit": float("inf"), "plan": [1, {"a": None}]})
        store.save_info({"seed": 2})
        assert store.load().info == {"seed": 2, "torch": "2.13", "limit": math.inf, "plan": [1, {"a": None}]}

    def test_records_come_back_as_they_were_in_the_order_of_their_first_save(self, store):
        store.save_branch(branch(1, "second"))
        store.save_branch(branch(0, "main"))
        store.save_node(node("n10"))
        store.save_node(node("n2"))
        store.append_changes([change(9), change(3)])
        store.append_changes([change(5)])
        store.save_branch(branch(1, "renamed"))
        store.save_node(node("n10", note="edited"))
        record = store.load()
        assert record.branches == [branch(1, "renamed"), branch(0, "main")]
        assert record.nodes == [node("n10", note="edited"), node("n2")]
        assert record.changes == [change(9), change(3), change(5)]
        assert [type(value) for value in record.nodes[0]["changes"][2][1:3]] == [int, int]
        assert record.nodes[0]["changes"][1][2] is True

    def test_history_is_joined_for_each_column(self, store):
        store.append_history([chunk(1, 3, "train/loss"), chunk(1, 3, "lr")])
        store.append_history([chunk(4, 2, "train/loss"), chunk(2, 4, "train/loss", branch_id=1), chunk(4, 0, "empty")])
        joined = store.load().history
        assert [(c.branch, c.column, c.kind) for c in joined] == [
            (0, "train/loss", "metric"),
            (0, "lr", "metric"),
            (1, "train/loss", "metric"),
        ]
        assert [c.steps.tolist() for c in joined] == [[1, 2, 3, 4, 5], [1, 2, 3], [2, 3, 4, 5]]
        assert joined[0].steps.dtype == np.int64
        assert joined[0].values.dtype == np.float64

    @pytest.mark.parametrize("first", [0, 1, 5000, 5999, 6000, 6001])
    def test_a_chunk_replaces_what_is_stored_from_its_first_step_on(self, store, first):
        for start in range(0, 6000, 500):
            store.append_history([chunk(start, 500)])
        store.append_history([chunk(first, 3, offset=0.5)])
        (joined,) = store.load().history
        kept = min(first, 6000)
        assert joined.steps.tolist() == [*range(kept), first, first + 1, first + 2]
        assert joined.values.tolist() == [*range(kept), first + 0.5, first + 1.5, first + 2.5]

    def test_history_keeps_every_bit_of_a_value(self, store):
        values = np.array([0x7FF8_0000_0000_BEEF, 0xFFF0_0000_0000_0000, 0x8000_0000_0000_0000, 1], np.uint64)
        store.append_history([HistoryChunk(0, "loss", "metric", np.arange(4), values.view(np.float64))])
        assert store.load().history[0].values.view(np.uint64).tolist() == values.tolist()

    def test_a_checkpoint_comes_back_bit_for_bit(self, store):
        tensors = every_kind()
        before = {name: bits(tensor) for name, tensor in tensors.items()}
        saved = Snapshot(tensors, copy.deepcopy(VALUES))
        assert store.save_checkpoint("c0", saved) > 0
        loaded = store.load_checkpoint("c0")
        assert {name: bits(tensor) for name, tensor in loaded.tensors.items()} == before
        assert list(loaded.tensors) == list(tensors)
        assert all(tensor.is_contiguous() for tensor in loaded.tensors.values())
        assert loaded.digest() == saved.digest()
        assert repr(loaded.values) == repr(VALUES)
        assert bits(loaded.tensors["nan"])[2][4:8] == PAYLOAD_NAN.to_bytes(4, "little")

    def test_the_memory_of_a_saved_snapshot_may_be_used_again(self, store):
        tensor = torch.ones(5)
        store.save_checkpoint("c0", Snapshot({"w": tensor}, {"step": 0}))
        tensor.zero_()
        assert torch.equal(store.load_checkpoint("c0").tensors["w"], torch.ones(5))

    def test_a_checkpoint_that_is_deleted_and_saved_again_at_once_is_there(self, store):
        store.save_checkpoint("c0", snapshot(0))

        def save_again(step, count=1):
            with store.transaction():
                store.delete([], [], ["c0"])
                store.save_checkpoint("c0", snapshot(step))
                return 1 / count

        save_again(1)
        assert store.load_checkpoint("c0").digest() == snapshot(1).digest()
        with pytest.raises(ZeroDivisionError):
            save_again(2, count=0)
        assert store.load_checkpoint("c0").digest() == snapshot(1).digest()

    def test_equal_values_of_another_type_shape_or_nan_are_not_mixed_up(self, store):
        zeros = torch.zeros(4)
        nans = [torch.tensor([float32(0x7FC00000 + i)]) for i in range(2)]
        tensors = {
            "a": zeros,
            "b": zeros.int(),
            "c": zeros.reshape(2, 2),
            "d": nans[0],
            "e": nans[1],
            "f": -zeros,
        }
        store.save_checkpoint("c0", Snapshot(tensors, {"step": 0}))
        loaded = store.load_checkpoint("c0").tensors
        assert {name: bits(tensor) for name, tensor in loaded.items()} == {n: bits(t) for n, t in tensors.items()}

    def test_what_did_not_change_is_stored_once(self, store):
        first = store.save_checkpoint("c0", snapshot(0, frozen=19))
        second = store.save_checkpoint("c1", snapshot(1, frozen=19))
        assert first >= 20 * 800
        assert 800 <= second < first / 3
        for step, checkpoint in enumerate(["c0", "c1"]):
            assert store.load_checkpoint(checkpoint).digest() == snapshot(step, frozen=19).digest()

    def test_checkpoints_are_listed_with_bytes_and_digest(self, store):
        added = [store.save_checkpoint(f"c{i}", snapshot(i)) for i in range(2)]
        expected = [{"id": f"c{i}", "bytes": added[i], "digest": snapshot(i).digest()} for i in range(2)]
        assert store.load().checkpoints == expected

    def test_an_id_belongs_to_one_state(self, store):
        store.save_checkpoint("c0", snapshot(0))
        assert store.save_checkpoint("c0", snapshot(0)) == 0
        with pytest.raises(StoreError, match="'c0' is already stored"):
            store.save_checkpoint("c0", snapshot(1))
        assert store.load_checkpoint("c0").digest() == snapshot(0).digest()

    @pytest.mark.parametrize("bad", ["", "../c0", "a/b", "c 0", "c0.tmp", "x" * 101, "c0\n"])
    def test_an_id_is_fit_for_a_file_name(self, store, bad):
        with pytest.raises(ValueError, match="letters, digits"):
            store.save_checkpoint(bad, snapshot())

    def test_an_unknown_checkpoint_is_an_error(self, store):
        with pytest.raises(StoreError, match="no checkpoint 'c9'"):
            store.load_checkpoint("c9")

    def test_values_that_json_cannot_hold_are_an_error_and_leave_nothing(self, store):
        with pytest.raises(TypeError):
            store.save_checkpoint("c0", Snapshot({"w": torch.ones(1)}, {"step": {1, 2}}))
        assert store.load().checkpoints == []

    def test_deleting_takes_a_branch_with_its_changes_and_history(self, store):
        for i in range(2):
            store.save_branch(branch(i, f"b{i}"))
            store.save_node(node(f"n{i}", branch_id=i))
            store.append_changes([change(1, branch_id=i)])
            store.append_history([chunk(0, 2, branch_id=i)])
            store.save_checkpoint(f"c{i}", snapshot(i))
        store.delete(branches=[1, 99], nodes=["n1", "n99"], checkpoints=["c1", "c99"])
        record = store.load()
        assert record.branches == [branch(0, "b0")]
        assert record.nodes == [node("n0")]
        assert record.changes == [change(1)]
        assert [c.branch for c in record.history] == [0]
        assert [c["id"] for c in record.checkpoints] == ["c0"]
        with pytest.raises(StoreError, match="no checkpoint"):
            store.load_checkpoint("c1")

    def test_tensors_outlive_the_checkpoint_that_brought_them(self, store):
        for i in range(3):
            store.save_checkpoint(f"c{i}", snapshot(i, frozen=3))
        store.delete([], [], ["c0"])
        assert store.load_checkpoint("c1").digest() == snapshot(1, frozen=3).digest()
        store.save_checkpoint("c0", snapshot(5, frozen=3))
        for checkpoint, step in {"c0": 5, "c1": 1, "c2": 2}.items():
            assert store.load_checkpoint(checkpoint).digest() == snapshot(step, frozen=3).digest()

    def test_what_was_freed_is_stored_anew(self, store):
        added = store.save_checkpoint("c0", snapshot(0, frozen=3))
        store.delete([], [], ["c0"])
        assert store.save_checkpoint("c1", snapshot(0, frozen=3)) >= 4 * 800
        assert added >= 4 * 800
        assert store.load_checkpoint("c1").digest() == snapshot(0, frozen=3).digest()

    def test_a_failed_transaction_leaves_nothing(self, store):
        def doomed(store: Store):
            with store.transaction():
                store.save_info({"seed": 1})
                store.save_branch(branch(0, "other"))
                store.save_node(node())
                store.append_changes([change(1)])
                store.append_history([chunk(1, 5)])
                store.save_checkpoint("c0", snapshot(1))
                store.delete([], [], ["c9"])
                raise KeyError("stop")

        store.save_branch(branch())
        store.append_history([chunk(0, 3, offset=0.5)])
        store.save_checkpoint("c9", snapshot(9))
        with pytest.raises(KeyError, match="stop"):
            doomed(store)
        record = store.load()
        assert record.info == {}
        assert record.branches == [branch()]
        assert [record.nodes, record.changes] == [[], []]
        assert record.history[0].values.tolist() == [0.5, 1.5, 2.5]
        assert [c["id"] for c in record.checkpoints] == ["c9"]
        assert store.load_checkpoint("c9").digest() == snapshot(9).digest()
        assert store.save_checkpoint("c0", snapshot(1)) > 0
        assert store.load_checkpoint("c0").digest() == snapshot(1).digest()

    def test_a_transaction_within_a_transaction_is_part_of_it(self, store):
        def doomed():
            with store.transaction():
                with store.transaction():
                    store.save_branch(branch())
                raise KeyError

        with pytest.raises(KeyError):
            doomed()
        assert store.load().branches == []

    def test_readers_do_not_wait_for_a_transaction_and_see_all_of_it_or_nothing(self, store):
        seen = []

        def read():
            seen.append((len(store.load().nodes), store.load_checkpoint("c0").step))

        store.save_checkpoint("c0", snapshot(4))
        with store.transaction():
            store.save_node(node())
            reader = threading.Thread(target=read)
            reader.start()
            reader.join(10)
            assert seen == [(0, 4)]
        read()
        assert seen[1:] == [(1, 4)]

    def test_threads_may_save_and_read_at_once(self, store):
        failures = []

        def work(branch_id: int):
            try:
                for i in range(10):
                    with store.transaction():
                        store.append_changes([change(i, branch_id)])
                        store.append_history([chunk(i, 1, branch_id=branch_id)])
                    store.save_checkpoint(f"c{branch_id}-{i}", snapshot(100 * branch_id + i))
                    assert store.load_checkpoint(f"c{branch_id}-{i}").step == 100 * branch_id + i
                    assert len(store.load().changes) >= i + 1
            except Exception as error:  # noqa: BLE001  (shown by the assertion below)
                failures.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        record = store.load()
        assert len(record.changes) == 30
        assert [c.steps.tolist() for c in record.history] == [list(range(10))] * 3

    def test_what_goes_in_and_comes_out_is_not_shared(self, store):
        facts, first, pairs = {"plan": [1]}, node(), chunk(0, 3)
        store.save_info(facts)
        store.save_node(first)
        store.append_history([pairs])
        facts["plan"].append(2)
        first["note"] = "later"
        first["changes"].clear()
        pairs.values[:] = 9
        for _ in range(2):
            record = store.load()
            assert record.info == {"plan": [1]}
            assert record.nodes == [node()]
            assert record.history[0].values.tolist() == [0, 1, 2]
            record.info["plan"].append(3)
            record.nodes[0]["changes"].clear()
            record.history[0].values[:] = 7

    def test_a_closed_store_says_so(self, store):
        store.close()
        store.close()
        for use in (store.load, lambda: store.save_node(node()), lambda: store.load_checkpoint("c0"), store.pieces):
            with pytest.raises(StoreError, match="closed"):
                use()
