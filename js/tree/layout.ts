/** Where everything of the tree stands: lanes, and pixels for a given scale. Pure. */

import type { Head, TreeBranch } from "../wire.ts";
import { parentBranch, type TreeIndex, tipStep } from "./model.ts";

/** A branch's first point stands this far right of its fork, so that the curve between can be seen. */
export const FORK_OFFSET = 26;
/** Nodes of one branch at the same step stand side by side, this far apart. */
export const SLOT_WIDTH = 13;

export interface Point {
  x: number;
  y: number;
}

/** Lane numbers from the top: stable while a run trains, as they do not depend on its steps. */
export type Lanes = Map<string, number>;

/**
 * One lane a branch. A branch's forks stand right below it, the latest fork nearest, each
 * followed by its own forks: so no curve crosses another branch's line.
 */
export function assignLanes(index: TreeIndex): Lanes {
  const lanes: Lanes = new Map();
  const order = [...index.branches.keys()];
  const made = new Map(order.map((id, at) => [id, at]));
  const byFork = (a: TreeBranch, b: TreeBranch): number =>
    b.fork_step - a.fork_step || (made.get(a.id) ?? 0) - (made.get(b.id) ?? 0);
  // A stack, not recursion: a chain of branches may be longer than the call stack.
  const stack = [...(index.forks.get(null) ?? [])].reverse();
  for (let branch = stack.pop(); branch; branch = stack.pop()) {
    lanes.set(branch.id, lanes.size);
    stack.push(...[...(index.forks.get(branch.id) ?? [])].sort(byFork).reverse());
  }
  return lanes;
}

export interface Frame {
  /** Step to pixels. */
  x: (step: number) => number;
  /** Lane number to pixels. */
  y: (lane: number) => number;
}

export interface PlacedBranch {
  id: string;
  /** The fork node's place, or null for a root. */
  fork: Point | null;
  start: Point;
  tip: Point;
}

export interface Placement {
  nodes: Map<string, Point>;
  branches: Map<string, PlacedBranch>;
}

/** The first x on a branch: its first step, or the offset right of its fork. */
function startOf(index: TreeIndex, branch: TreeBranch, fork: Point | null, frame: Frame): number {
  if (fork) return Math.max(fork.x + FORK_OFFSET, frame.x(branch.fork_step));
  return frame.x(index.line.get(branch.id)?.[0]?.step ?? branch.fork_step);
}

/** Places every node and line. Parents come before their forks in `lanes`, as `assignLanes` makes it. */
export function place(index: TreeIndex, lanes: Lanes, head: Head, frame: Frame): Placement {
  const placement: Placement = { nodes: new Map(), branches: new Map() };
  for (const [id, lane] of lanes) {
    const branch = index.branches.get(id);
    if (!branch) continue;
    const y = frame.y(lane);
    const parent = parentBranch(index, branch) === null ? null : branch.fork;
    const fork = (parent !== null && placement.nodes.get(parent)) || null;
    const startX = startOf(index, branch, fork, frame);
    let last = startX;
    let step = Number.NaN;
    for (const node of index.line.get(id) ?? []) {
      const x = Math.max(frame.x(node.step), startX);
      last = node.step === step ? Math.max(x, last + SLOT_WIDTH) : Math.max(x, last);
      step = node.step;
      placement.nodes.set(node.id, { x: last, y });
    }
    const tipX = Math.max(frame.x(tipStep(index, branch, head)), last);
    placement.branches.set(id, { id, fork, start: { x: startX, y }, tip: { x: tipX, y } });
  }
  return placement;
}

export interface HeadPlace extends Point {
  /** Whether the head stands on a node, which then shows where it is. */
  onNode: boolean;
}

/**
 * Where the head stands: at its own step on its branch's line, never left of `head.node`, the last node on
 * the way to it, which may itself stand right of its step, beside another node.
 */
export function headPlace(
  index: TreeIndex,
  placement: Placement,
  head: Head,
  frame: Frame,
): HeadPlace | null {
  const branch = placement.branches.get(head.branch);
  if (!branch) return null;
  const node = head.node === null ? undefined : index.nodes.get(head.node);
  const point = node?.branch === head.branch ? placement.nodes.get(node.id) : undefined;
  const x = Math.max(frame.x(head.step), branch.start.x, point?.x ?? 0);
  return { x, y: branch.start.y, onNode: point !== undefined && node?.step === head.step };
}

/** A branch's line: a smooth curve down from the fork, then straight on to the tip. */
export function branchPath({ fork, start, tip }: PlacedBranch): string {
  const line = `L${tip.x.toFixed(1)},${tip.y.toFixed(1)}`;
  const from = `${start.x.toFixed(1)},${start.y.toFixed(1)}`;
  if (!fork) return `M${from}${line}`;
  const bend = FORK_OFFSET / 2;
  const x = (fork.x + bend).toFixed(1);
  const curve = `C${x},${fork.y.toFixed(1)} ${x},${start.y.toFixed(1)}`;
  // The bend ends an offset right of the fork, also where the first step is much farther right.
  const end = `${(fork.x + FORK_OFFSET).toFixed(1)},${start.y.toFixed(1)}`;
  return `M${fork.x.toFixed(1)},${fork.y.toFixed(1)}${curve} ${end}L${from}${line}`;
}

/** The node nearest to a point, within `reach` pixels. */
export function nearest(placement: Placement, at: Point, reach: number): string | null {
  let best: string | null = null;
  let least = reach * reach;
  for (const [id, point] of placement.nodes) {
    const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
    if (distance <= least) {
      least = distance;
      best = id;
    }
  }
  return best;
}
