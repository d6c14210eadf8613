"""Rules as plain data, and back."""

import pytest

from retune_widget.policies import Plateau
from retune_widget.policies.active import Active


@pytest.mark.parametrize(
    "wrong",
    [{"arguments": {"metric": "val/loss", "patience": -1}}, {"arguments": {"what": 1}}, {"state": {"best": "x"}}],
)
def test_a_record_that_cannot_be_used_suspends_the_rule(wrong):
    (record,) = Active([Plateau("val/loss")]).record()
    rules = Active()
    rules.load([{**record, **wrong}])
    (entry,) = rules.entries
    assert entry.status().suspended.startswith("what was kept of it cannot be used")
    rules.load([record])
    assert entry.name == "Plateau"
