import json
import math
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from retune_widget.view import wire, wire_rules, wire_schedules
from retune_widget.view.chartbar import ChartBar
from retune_widget.view.controls import Controls
from retune_widget.view.details import Details
from retune_widget.view.rules_view import Rules
from retune_widget.view.savedbar import SavedBar
from retune_widget.view.side import Tabs
from retune_widget.view.toolbar import Toolbar
from retune_widget.view.tree_view import TreeView

JS = Path(__file__).parents[2] / "js"
SOURCE = "".join((JS / name).read_text("utf-8") for name in ("wire.ts", "wire_rules.ts", "wire_schedules.ts"))
PLACES = (wire, wire_rules, wire_schedules)
INTERFACE = re.compile(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
WIDGETS = {
    "Toolbar": Toolbar,
    "Savedbar": SavedBar,
    "Controls": Controls,
    "Chartbar": ChartBar,
    "Tree": TreeView,
    "Details": Details,
    "Tabs": Tabs,
    "Rules": Rules,
}


def interfaces() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, base, body in INTERFACE.findall(SOURCE):
        found[name] = found.get(base, set()) | set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))
    return found


@pytest.mark.parametrize("name", [name for name in interfaces() if not name.endswith("Traits")])
def test_an_interface_has_the_keys_of_its_typed_dict(name):
    found = [its for place in PLACES if (its := vars(place).get(name)) is not None and its.__module__ == place.__name__]
    (only,) = found
    assert interfaces()[name] == set(get_type_hints(only))


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_has_the_traits_of_its_interface(name):
    inherited = {"layout", "tooltip", "tabbable"}
    names = {n for n in WIDGETS[name].class_trait_names(sync=True) if not n.startswith("_")} - inherited
    assert names == interfaces()[f"{name}Traits"]


def test_every_intent_is_known():
    unions = re.findall(r"^export type \w*Intent =\n((?:  \| .*\n?)+)", SOURCE, re.MULTILINE)
    lines = re.findall(r"kind: ([^;}]+)", "".join(unions))
    kinds = {kind for line in lines for kind in re.findall(r'"(\w+)"', line)}
    assert kinds == wire.INTENTS


@pytest.mark.parametrize(
    ("value", "shown"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (0.25, 0.25)]
)
def test_a_number_is_valid_json(value, shown):
    assert wire.number(value) == shown
    json.dumps(wire.number(value), allow_nan=False)
