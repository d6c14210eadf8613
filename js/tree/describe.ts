/** A node and a branch in words, and how much a label matters. Pure. */

import { causeOf } from "../shared/causes.ts";
import { STATUS_WORDS } from "../shared/checkpoints.ts";
import { formatCount } from "../shared/number.ts";
import type { Cause, TreeBranch, TreeNode } from "../wire.ts";

const LONGEST_LABEL = 28;

export function shorten(text: string, longest = LONGEST_LABEL): string {
  const characters = [...text];
  return characters.length <= longest ? text : `${characters.slice(0, longest - 1).join("")}…`;
}

/** Whether a person's words stand at a node: the note of a node that a rule made is its reason, until it is edited. */
function isNoted({ note, label, rule }: TreeNode): boolean {
  return note !== "" && (rule === null || label === note);
}

/** The text at a node: a person's note, else what a rule did or what changed; routine checkpoints have none. */
export function nodeLabel(node: TreeNode): string {
  if (isNoted(node)) return shorten(node.note);
  if (node.label !== "") return shortenChanges(node.label, node.changes.length);
  return node.cause === "start" ? "start" : "";
}

/** "lr 1e-3→0.1, head.lr 1e-3→0.1" with no room for both: "lr 1e-3→0.1 +1". */
function shortenChanges(label: string, count: number): string {
  const [first = label] = label.split(", ");
  if ([...label].length <= LONGEST_LABEL || count < 2) return shorten(label);
  const more = ` +${count - 1}`;
  return shorten(first, LONGEST_LABEL - more.length) + more;
}

export function nodeTitle(node: TreeNode): string {
  return (isNoted(node) ? node.note : node.label) || `${causeOf(node)} checkpoint`;
}

/** What a screen reader says. */
export function describeNode(node: TreeNode, branch: TreeBranch): string {
  const parts = [nodeTitle(node), `step ${formatCount(node.step)}`, `epoch ${formatCount(node.epoch)}`];
  parts.push(`branch ${branch.name}`, causeOf(node));
  if (!node.exact) parts.push("not exact");
  if (node.pinned) parts.push("pinned");
  if (node.checkpoint.status !== "saved") parts.push(STATUS_WORDS[node.checkpoint.status]);
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
/** A branch's name gives way to nothing: without it nobody knows whose line it is. */
export const HEAD_BRANCH_PRIORITY = 110;
export const BRANCH_PRIORITY = 105;
const SELECTED_PRIORITY = 100;
const NOTE_PRIORITY = 75;

/** Words that a person wrote win over words made by us. */
export function labelPriority(node: TreeNode, isSelected: boolean): number {
  if (isSelected) return SELECTED_PRIORITY;
  return isNoted(node) ? NOTE_PRIORITY : PRIORITY[node.cause];
}
