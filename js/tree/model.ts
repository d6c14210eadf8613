/** The tree as an index: who follows whom, and what a new state changed. Pure. */

import type { Head, TreeBranch, TreeNode } from "../wire.ts";

export interface TreeIndex {
  nodes: Map<string, TreeNode>;
  branches: Map<string, TreeBranch>;
  /** A branch's nodes by step, in the order of their making where steps are equal. */
  line: Map<string, TreeNode[]>;
  /** The branches that fork from a branch. */
  forks: Map<string | null, TreeBranch[]>;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** Nodes of a branch that is not there yet are left out: both traits come, but one may come first. */
export function indexTree(branches: readonly TreeBranch[], nodes: readonly TreeNode[]): TreeIndex {
  const index: TreeIndex = {
    nodes: new Map(),
    branches: new Map(branches.map((branch) => [branch.id, branch])),
    line: new Map(branches.map((branch) => [branch.id, []])),
    forks: new Map(),
  };
  for (const node of nodes) {
    const line = index.line.get(node.branch);
    if (!line) continue;
    index.nodes.set(node.id, node);
    line.push(node);
  }
  for (const line of index.line.values()) line.sort((a, b) => a.step - b.step);
  for (const branch of branches) push(index.forks, parentBranch(index, branch), branch);
  return index;
}

/** The branch that `branch` forks from; null for a root, also where the fork node is gone. */
export function parentBranch(index: TreeIndex, branch: TreeBranch): string | null {
  const parent = branch.fork === null ? undefined : index.nodes.get(branch.fork);
  return parent && parent.branch !== branch.id ? parent.branch : null;
}

/** The last step of a branch, the head's included where it stands on it. */
export function tipStep(index: TreeIndex, branch: TreeBranch, head: Head): number {
  const last = index.line.get(branch.id)?.at(-1)?.step ?? branch.fork_step;
  const here = head.branch === branch.id ? head.step : 0;
  return Math.max(branch.tip_step, last, here);
}

export interface TreeDiff {
  added: string[];
  removed: string[];
  changed: string[];
}

/** Which nodes came, went, or now say something else. */
export function diffNodes(before: Map<string, TreeNode>, after: Map<string, TreeNode>): TreeDiff {
  const diff: TreeDiff = { added: [], removed: [], changed: [] };
  for (const [id, node] of after) {
    const old = before.get(id);
    if (!old) diff.added.push(id);
    else if (old !== node && JSON.stringify(old) !== JSON.stringify(node)) diff.changed.push(id);
  }
  for (const id of before.keys()) if (!after.has(id)) diff.removed.push(id);
  return diff;
}
