/** What stands at a node, beside the pointer; in the browser's top layer, so that nothing clips it. */

import { causeOf } from "../shared/causes.ts";
import { describeChange } from "../shared/changes.ts";
import { STATUS_WORDS } from "../shared/checkpoints.ts";
import { h } from "../shared/dom.ts";
import { formatCount, formatMetric, formatValue } from "../shared/number.ts";
import type { TreeBranch, TreeNode } from "../wire.ts";
import { nodeTitle } from "./describe.ts";

const MOST_VALUES = 10;

function pairs(entries: [string, string][]): HTMLElement {
  const list = h("dl", "rtw-pairs");
  for (const [name, value] of entries.slice(0, MOST_VALUES)) {
    list.append(h("dt", "", {}, name), h("dd", "rtw-number", {}, value));
  }
  if (entries.length > MOST_VALUES) list.append(h("dt", "", {}, `and ${entries.length - MOST_VALUES} more`));
  return list;
}

function content(node: TreeNode, branch: TreeBranch): HTMLElement[] {
  const where = `${branch.name} · step ${formatCount(node.step)} · epoch ${formatCount(node.epoch)}`;
  const parts: HTMLElement[] = [
    h("div", "rtw-title", {}, nodeTitle(node)),
    h("div", "rtw-faint", {}, `${where} · ${causeOf(node)}`),
  ];
  if (node.note !== "" && node.note !== nodeTitle(node)) parts.push(h("div", "rtw-note", {}, node.note));
  for (const change of node.changes) parts.push(h("div", "rtw-number", {}, describeChange(change)));
  if (!node.exact) parts.push(h("div", "rtw-warning", {}, "≈ not exact"));
  const { status, reason } = node.checkpoint;
  if (status === "not saved")
    parts.push(h("div", "rtw-bad", {}, reason ? `not saved: ${reason}` : "not saved"));
  else if (status !== "saved") parts.push(h("div", "rtw-faint", {}, STATUS_WORDS[status]));
  if (node.pinned) parts.push(h("div", "rtw-faint", {}, "pinned: never freed for room"));
  parts.push(pairs(Object.entries(node.metrics).map(([name, value]) => [name, formatMetric(value)])));
  parts.push(pairs(Object.entries(node.values).map(([key, value]) => [key, formatValue(value)])));
  return parts;
}

export class Tooltip {
  readonly element = h("div", "rtw-tooltip", { role: "tooltip", popover: "manual" });
  #shown: TreeNode | null = null;

  /** Shows the node's values beside a point in viewport coordinates; does nothing when they stand there. */
  show(node: TreeNode, branch: TreeBranch, x: number, y: number): void {
    if (this.#shown === node) return;
    this.#shown = node;
    this.element.replaceChildren(...content(node, branch));
    this.element.showPopover();
    const { width, height } = this.element.getBoundingClientRect();
    const left = x + 16 + width < window.innerWidth ? x + 16 : x - 16 - width;
    this.element.style.left = `${Math.max(4, left)}px`;
    this.element.style.top = `${Math.max(4, Math.min(y - height / 2, window.innerHeight - height - 4))}px`;
  }

  hide(): void {
    if (this.#shown === null) return;
    this.#shown = null;
    this.element.hidePopover();
  }
}
