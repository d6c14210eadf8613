/** Where an arrow key leads. Pure. */

import type { TreeNode } from "../wire.ts";
import type { Lanes, Placement } from "./layout.ts";
import type { TreeIndex } from "./model.ts";

export type Direction = "left" | "right" | "up" | "down" | "home" | "end";

/** The node that an arrow leads to from `from`, or null where there is none. */
export function neighbour(
  index: TreeIndex,
  lanes: Lanes,
  placement: Placement,
  from: string,
  direction: Direction,
): string | null {
  const node = index.nodes.get(from);
  if (!node) return null;
  const line = index.line.get(node.branch) ?? [];
  const at = line.indexOf(node);
  switch (direction) {
    case "home":
      return line[0]?.id ?? null;
    case "end":
      return line.at(-1)?.id ?? null;
    case "left":
      return line[at - 1]?.id ?? index.branches.get(node.branch)?.fork ?? null;
    case "right":
      return line[at + 1]?.id ?? null;
    case "up":
    case "down":
      return acrossLanes(index, lanes, placement, node, direction === "up" ? -1 : 1);
  }
}

/** The node nearest in x on the next lane that has any. */
function acrossLanes(
  index: TreeIndex,
  lanes: Lanes,
  placement: Placement,
  node: TreeNode,
  by: 1 | -1,
): string | null {
  const order = [...lanes.keys()];
  const x = placement.nodes.get(node.id)?.x ?? 0;
  for (let lane = (lanes.get(node.branch) ?? 0) + by; lane >= 0 && lane < order.length; lane += by) {
    const line = index.line.get(order[lane] ?? "") ?? [];
    let best: string | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const other of line) {
      const distance = Math.abs((placement.nodes.get(other.id)?.x ?? 0) - x);
      if (distance < least) {
        least = distance;
        best = other.id;
      }
    }
    if (best !== null) return best;
  }
  return null;
}
