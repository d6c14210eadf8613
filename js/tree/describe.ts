/** A node and a branch in words, and how much a label matters. Pure. */

import { CAUSE_NAMES } from "../shared/causes.ts";
import { formatCount, formatValue } from "../shared/number.ts";
import type { Cause, Change, TreeBranch, TreeNode } from "../wire.ts";

const LONGEST_LABEL = 28;

export function shorten(text: string, longest = LONGEST_LABEL): string {
  const characters = [...text];
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join("")}…`;
}

/** "lr 1e-3 → 3e-3" */
export function describeChange({ key, old, new: next }: Change): string {
  return `${key} ${formatValue(old)} → ${formatValue(next)}`;
}

/** The text at a node: what changed, or its note; routine checkpoints have none. */
export function nodeLabel(node: TreeNode): string {
  if (node.label !== "") return shorten(node.label);
  if (node.note !== "") return shorten(node.note);
  return node.cause === "start" ? "start" : "";
}

export function nodeTitle(node: TreeNode): string {
  return node.label || node.note || `${CAUSE_NAMES[node.cause]} checkpoint`;
}

/** What a screen reader says. */
export function describeNode(node: TreeNode, branch: TreeBranch): string {
  const parts = [nodeTitle(node), `step ${formatCount(node.step)}`, `epoch ${formatCount(node.epoch)}`];
  parts.push(`branch ${branch.name}`, CAUSE_NAMES[node.cause]);
  if (!node.exact) parts.push("not exact");
  if (!node.saved) parts.push("not saved yet");
  return parts.join(", ");
}

export function branchLabel(branch: TreeBranch): string {
  return shorten(branch.stopped === null ? branch.name : `${branch.name} · ${branch.stopped}`, 24);
}

const PRIORITY: Record<Cause, number> = {
  start: 70,
  change: 60,
  policy: 55,
  manual: 50,
  best: 45,
  interval: 20,
};
export const SELECTED_PRIORITY = 100;
export const HEAD_BRANCH_PRIORITY = 95;
export const BRANCH_PRIORITY = 80;

export function labelPriority(node: TreeNode, isSelected: boolean): number {
  return isSelected ? SELECTED_PRIORITY : PRIORITY[node.cause];
}
