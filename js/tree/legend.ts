/** The key to the nodes' marks: what the tree has, and nothing else. */

import { CAUSE_NAMES, CAUSES } from "../shared/causes.ts";
import { STATUS_WORDS } from "../shared/checkpoints.ts";
import { h, reconcile, svg } from "../shared/dom.ts";
import type { Cause, CheckpointStatus, TreeNode } from "../wire.ts";
import { badge } from "./badges.ts";
import { GLYPHS } from "./glyphs.ts";

interface Sample {
  cause?: Cause;
  exact?: boolean;
  status?: CheckpointStatus;
  pinned?: boolean;
}

function sample({ cause = "change", exact = true, status = "saved", pinned = false }: Sample): SVGElement {
  const hasBadge = status === "not saved" || pinned;
  const picture = svg("svg", "rtw-sample", {
    width: hasBadge ? 20 : 14,
    height: hasBadge ? 18 : 14,
    viewBox: hasBadge ? (pinned ? "-13 -12 20 18" : "-7 -12 20 18") : "-7 -7 14 14",
    "aria-hidden": "true",
  });
  const path = svg("path", "rtw-node", {
    d: GLYPHS[cause],
    "data-cause": cause,
    "data-exact": String(exact),
    "data-checkpoint": status,
  });
  picture.append(path, ...badge(status, pinned));
  return picture;
}

function entry(name: string, picture: SVGElement, className = ""): HTMLElement {
  return h("span", `rtw-legend-entry ${className}`.trim(), { role: "listitem" }, picture, name);
}

export function createLegend() {
  const element = h("div", "rtw-legend rtw-causes", { role: "list", "aria-label": "Marks" });
  const entries = new Map<Cause, HTMLElement>(
    CAUSES.map((cause) => [cause, entry(CAUSE_NAMES[cause], sample({ cause }))]),
  );
  const more: [is: (node: TreeNode) => boolean, item: HTMLElement][] = [
    [(node) => !node.exact, entry("not exact", sample({ exact: false }))],
    [(node) => node.pinned, entry("pinned", sample({ pinned: true }))],
    ...(["evicted", "not saved"] as const).map((status): [(node: TreeNode) => boolean, HTMLElement] => [
      (node) => node.checkpoint.status === status,
      entry(STATUS_WORDS[status], sample({ status })),
    ]),
    // Last, as it comes and goes; and late, so that a checkpoint that is saved at once shows nothing.
    [
      (node) => node.checkpoint.status === "saving",
      entry(STATUS_WORDS.saving, sample({ status: "saving" }), "rtw-late"),
    ],
  ];
  return {
    element,
    update(nodes: readonly TreeNode[]): void {
      const present = new Set(nodes.map((node) => node.cause));
      const shown = [...entries].filter(([cause]) => present.has(cause)).map(([, item]) => item);
      for (const [is, item] of more) if (nodes.some(is)) shown.push(item);
      reconcile(element, shown);
    },
  };
}
