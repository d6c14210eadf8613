/** The key to the nodes' marks: the causes that the tree has, and no others. */

import { CAUSE_NAMES, CAUSES } from "../shared/causes.ts";
import { h, reconcile, svg } from "../shared/dom.ts";
import type { Cause, TreeNode } from "../wire.ts";
import { GLYPHS } from "./glyphs.ts";

function sample(cause: Cause, state: { exact: boolean; saved: boolean }): SVGElement {
  const picture = svg("svg", "rtw-sample", {
    width: 14,
    height: 14,
    viewBox: "-7 -7 14 14",
    "aria-hidden": "true",
  });
  const path = svg("path", "rtw-node", {
    d: GLYPHS[cause],
    "data-cause": cause,
    "data-exact": String(state.exact),
    "data-saved": String(state.saved),
  });
  picture.append(path);
  return picture;
}

function entry(name: string, picture: SVGElement): HTMLElement {
  return h("span", "rtw-legend-entry", { role: "listitem" }, picture, name);
}

export function createLegend() {
  const element = h("div", "rtw-legend rtw-causes", { role: "list", "aria-label": "Causes" });
  const entries = new Map<Cause, HTMLElement>(
    CAUSES.map((cause) => [cause, entry(CAUSE_NAMES[cause], sample(cause, { exact: true, saved: true }))]),
  );
  const inexact = entry("not exact", sample("change", { exact: false, saved: true }));
  const unsaved = entry("not saved yet", sample("change", { exact: true, saved: false }));
  return {
    element,
    update(nodes: readonly TreeNode[]): void {
      const present = new Set(nodes.map((node) => node.cause));
      const shown = [...entries].filter(([cause]) => present.has(cause)).map(([, item]) => item);
      if (nodes.some((node) => !node.exact)) shown.push(inexact);
      if (nodes.some((node) => !node.saved)) shown.push(unsaved);
      reconcile(element, shown);
    },
  };
}
