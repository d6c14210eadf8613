"""Sample traits of each bundle, as Python sends them."""

from typing import Any

from tests.browser.frontend.bare_page import Traits


def toolbar(**changes: Any) -> Traits:
    """The toolbar's traits."""
    return {
        "status": {
            "status": "running",
            "branch": "cosine",
            "step": 2140,
            "epoch": 91,
            "total_steps": 3000,
            "steps_per_second": 412.3,
            "eta_seconds": 2.1,
            "error": None,
            "incident": None,
            "notices": [],
            "can_undo": True,
            "busy": None,
        }
        | changes
    }


def savedbar(**changes: Any) -> Traits:
    """The traits of the line above a saved run."""
    return {
        "saved": {
            "path": "runs/digits",
            "branch": "cosine",
            "step": 2140,
            "epoch": 91,
            "following": False,
            "resume": "run = rt.Run(model, optimizer, data, …, path='runs/digits', resume=True)",
            "problem": None,
        }
        | changes
    }


def checkpoint(status: str = "saved", reason: str | None = None) -> Traits:
    """Where a node's state is."""
    return {"status": status, "reason": reason, "bytes": 1_126_400 if status == "saved" else 0}


def hyperparameter(key: str, **fields: Any) -> Traits:
    """One entry of the controls' `hyperparameters`."""
    return {
        "key": key,
        "label": key.rpartition(".")[2],
        "group": "body · AdamW",
        "kind": "float",
        "scale": "log",
        "low": 1e-6,
        "high": 1.0,
        "help": "",
        "zero": False,
    } | fields


def controls(**changes: Any) -> Traits:
    """The controls' traits."""
    beta = {"scale": "one_minus_log", "low": 0.0, "high": 0.9999}
    return {
        "hyperparameters": [
            hyperparameter("body.lr", help="learning rate of the body"),
            hyperparameter("body.weight_decay", low=1e-6, zero=True),
            hyperparameter("body.betas[0]", label="betas[0]", **beta),
            hyperparameter("body.amsgrad", kind="bool", scale="linear", low=0, high=1),
            hyperparameter("head.lr", group="head · AdamW"),
            hyperparameter("dropout", group="Regularisation", scale="linear", low=0.0, high=0.9),
            hyperparameter("batch_size", group="Data", kind="int", low=1, high=1500),
        ],
        "values": {
            "body.lr": 1e-3,
            "body.weight_decay": 0.0,
            "body.betas[0]": 0.9,
            "body.amsgrad": False,
            "head.lr": 5.6e-3,
            "dropout": 0.3,
            "batch_size": 64,
        },
        "marks": {},
        "ruled": {},
        "governed": {},
        "notes": {},
    } | changes


def chartbar(**changes: Any) -> Traits:
    """The chart bar's traits."""
    return {
        "metrics": ["loss", "accuracy"],
        "metric": "loss",
        "hyperparameter_keys": ["body.lr", "dropout"],
        "hyperparameter": "body.lr",
        "log_y": False,
        "smoothing": 0.6,
        "gradient": False,
        "has_gradient": True,
        "legend": [
            {"id": "b0", "name": "main", "colour": "#8a94a6", "head": False},
            {"id": "b1", "name": "cosine", "colour": "#2c6cdf", "head": True},
            {"id": "b2", "name": "lr=3e-3 @700", "colour": "#c07818", "head": False},
        ],
        "readout": "step 1,760 — main 0.093 · cosine 0.081 · lr=3e-3 @700 0.141",
    } | changes


def node(name: str, branch: str, step: int, cause: str = "change", **fields: Any) -> Traits:
    """One node of the tree."""
    return {
        "id": name,
        "branch": branch,
        "step": step,
        "epoch": step // 24,
        "parent": None,
        "cause": cause,
        "label": "",
        "exact": True,
        "checkpoint": checkpoint(),
        "pinned": False,
        "note": "",
        "metrics": {"train/loss": 0.252, "val/accuracy": 0.941},
        "values": {"body.lr": 1e-2, "dropout": 0.2, "batch_size": 64},
        "changes": [],
        "rule": None,
    } | fields


def tree(**changes: Any) -> Traits:
    """The tree's traits: three branches, ten nodes, every cause."""
    lr = {"key": "body.lr", "old": 1e-2, "new": 0.3, "governed": None}
    return {
        "branches": [
            branch("b0", "main", "#8a94a6", tip_step=1240, stopped="NaN, step 1,240"),
            branch("b1", "cosine", "#2c6cdf", fork="n2", fork_step=700, tip_step=2140),
            branch("b2", "lr=3e-3 @700", "#c07818", fork="n2", fork_step=700, tip_step=1900),
        ],
        "nodes": [
            node("n0", "b0", 0, "start"),
            node("n1", "b0", 350, "interval", parent="n0"),
            node("n2", "b0", 700, "manual", label="before decay", note="before decay", parent="n1"),
            node("n3", "b0", 900, label="lr ×30", parent="n2", changes=[lr]),
            node("n4", "b1", 700, label="lr ~ cosine", parent="n2"),
            node("n5", "b1", 1300, label="wd .01→.05", parent="n4"),
            node("n6", "b1", 1720, "policy", label="Plateau: dropout .2→.3", rule="Plateau", parent="n5"),
            node("n7", "b1", 2000, "best", checkpoint=checkpoint("saving"), parent="n6"),
            node("n8", "b2", 700, label="lr .01→.003", parent="n2"),
            node("n9", "b2", 1500, "manual", note="not bad", exact=False, parent="n8"),
        ],
        "head": {"branch": "b1", "step": 2140, "node": None, "running": True},
        "selected": None,
        "busy": None,
        "disk": {"bytes": 412_000_000, "budget": 2_000_000_000},
        "steerable": True,
    } | changes


def branch(name: str, title: str, colour: str, **fields: Any) -> Traits:
    """One branch of the tree."""
    return {
        "id": name,
        "name": title,
        "colour": colour,
        "fork": None,
        "fork_step": 0,
        "tip_step": 0,
        "stopped": None,
    } | fields


def large_tree(count: int) -> Traits:
    """A tree of `count` nodes on branches of 50 nodes each, every branch forking from the one before."""
    branches, nodes = [], []
    for at in range(count):
        line, place = divmod(at, 50)
        fork = f"n{(line - 1) * 50 + 25}" if line else None
        start = 25 * line * 10
        if place == 0:
            tip = start + 490
            branches.append(branch(f"b{line}", f"branch {line}", "#2c6cdf", fork=fork, fork_step=start, tip_step=tip))
        cause = "change" if place % 10 == 0 else "interval"
        nodes.append(node(f"n{at}", f"b{line}", start + place * 10, cause, label=f"lr {at}" * (place % 10 == 0)))
    last = branches[-1]
    head = {"branch": last["id"], "step": last["tip_step"], "node": None, "running": True}
    return tree(branches=branches, nodes=nodes, head=head)


def details(*, steerable: bool = True, **changes: Any) -> Traits:
    """The details' traits."""
    return {
        "steerable": steerable,
        "node": {
            "id": "n2",
            "branch_name": "main",
            "branch": "b0",
            "step": 700,
            "epoch": 29,
            "cause": "manual",
            "label": "before decay",
            "note": "before decay",
            "exact": True,
            "why": None,
            "digest": "7f3a" + "0" * 56 + "e9c1",
            "checkpoint": checkpoint(),
            "rebuilding": None,
            "pinned": False,
            "verdict": None,
            "busy": None,
            "created": "2026-11-21T14:02:11",
            "is_head": False,
            "is_root": False,
            "rule": None,
            "metrics": [
                {"name": "val/loss", "value": 0.252, "delta": -0.031, "better": True},
                {"name": "val/accuracy", "value": 0.941, "delta": -0.008, "better": False},
                {"name": "grad_norm", "value": "NaN", "delta": None, "better": None},
            ],
            "values": [{"key": "body.lr", "value": 1e-2}, {"key": "dropout", "value": 0.2}],
            "changes": [
                {"key": "body.lr", "old": 1e-2, "new": 3e-2, "governed": None, "notice": None},
                {
                    "key": "amsgrad",
                    "old": False,
                    "new": True,
                    "governed": None,
                    "notice": "its buffer starts at zero",
                },
            ],
        }
        | changes,
    }


def tabs(**changes: Any) -> Traits:
    """The traits of the row of tabs."""
    names = [
        {"name": "node", "label": "Node", "note": ""},
        {"name": "rules", "label": "Rules", "note": "2"},
    ]
    return {"tabs": names, "chosen": "node"} | changes


def rule(name: str, **fields: Any) -> Traits:
    """A rule's card."""
    return {
        "name": name,
        "kind": "Plateau",
        "aim": "val/loss → lr × 0.5",
        "suspended": None,
        "by_hand": False,
        "resumable": True,
    } | fields


def argument(name: str, kind: str, **fields: Any) -> Traits:
    """A field of a rule's form."""
    plain = {"required": False, "optional": False, "default": None, "choices": [], "help": f"the {name}."}
    return {"name": name, "kind": kind} | plain | fields


def rules(**changes: Any) -> Traits:
    """The traits of the panel of rules."""
    plateau = [
        argument("metric", "metric", required=True),
        argument("key", "hyperparameter", default="lr"),
        argument("patience", "whole", default=3),
        argument("floor", "number", optional=True),
        argument("mode", "choice", optional=True, choices=["min", "max"]),
    ]
    return {
        "rules": [rule("Plateau"), rule("slow", suspended="lr changed by hand at step 40", by_hand=True)],
        "states": {"Plateau": "patience 1/3", "slow": "patience 0/9"},
        "fired": {"Plateau": [{"step": 1240, "reason": "val/loss no better: lr × 0.5", "node": "n6"}]},
        "forms": [
            {"kind": "Plateau", "summary": "Multiplies a value.", "arguments": plateau},
            {"kind": "NaNGuard", "summary": "Pauses.", "arguments": []},
        ],
        "metrics": ["train/loss", "val/loss"],
        "keys_to_move": ["lr", "dropout"],
        "trial": None,
        "steerable": True,
    } | changes


def incident(**changes: Any) -> Traits:
    """A step that was stopped."""
    return {
        "kind": "not finite",
        "title": "Step 132 was stopped before it could damage the weights",
        "facts": ["The loss is nan.", "Its batch: epoch 5, sample 64; its samples are 3, 5."],
        "samples": [3, 5],
        "node": "n4",
        "ways": ["lower lr", "skip batch"],
    } | changes
