/** Small trees for the tests. */

import type { Head, TreeBranch, TreeNode } from "../wire.ts";

export function branch(id: string, fork: string | null, forkStep: number, tip: number): TreeBranch {
  return { id, name: id, colour: "#888", fork, fork_step: forkStep, tip_step: tip, stopped: null };
}

export function node(id: string, on: string, step: number, fields: Partial<TreeNode> = {}): TreeNode {
  return {
    id,
    branch: on,
    step,
    epoch: 0,
    parent: null,
    cause: "change",
    label: "",
    exact: true,
    checkpoint: { status: "saved", reason: null, bytes: 100 },
    pinned: false,
    note: "",
    metrics: {},
    values: {},
    changes: [],
    rule: null,
    ...fields,
  };
}

export function headAt(on: string, step: number): Head {
  return { branch: on, step, node: null, running: true };
}

/** main with a fork at 300 ("early") and one at 700 ("late"), and a fork of the latter. */
export const branches = [
  branch("main", null, 0, 1000),
  branch("early", "m300", 300, 900),
  branch("late", "m700", 700, 1200),
  branch("late-fork", "l900", 900, 1000),
];

export const nodes = [
  node("m0", "main", 0, { cause: "start" }),
  node("m300", "main", 300),
  node("m700", "main", 700),
  node("e300", "early", 300),
  node("l700", "late", 700),
  node("l900", "late", 900),
  node("f900", "late-fork", 900),
];
