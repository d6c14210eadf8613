/** The tree's SVG: keyed elements that are moved, and rebuilt only when they say something else. */

import { setAttributes, setText, svg } from "../shared/dom.ts";
import { formatCount } from "../shared/number.ts";
import type { TreeBranch, TreeNode } from "../wire.ts";
import { badge } from "./badges.ts";
import { describeNode } from "./describe.ts";
import { CROSS, GLYPHS } from "./glyphs.ts";
import { branchPath, type HeadPlace, type PlacedBranch, type Point } from "./layout.ts";

export const AXIS_HEIGHT = 18;

/** Element ids must be unique among all trees on a page. */
let sceneCount = 0;

export interface LabelText {
  text: string;
  /** A branch's colour; null for a node's label. */
  colour: string | null;
}

const translate = ({ x, y }: Point): string => `translate(${x.toFixed(1)},${y.toFixed(1)})`;

function keyed<E extends Element>(map: Map<string, E>, key: string, parent: Element, make: () => E): E {
  const old = map.get(key);
  if (old) return old;
  const element = make();
  map.set(key, element);
  parent.append(element);
  return element;
}

function prune(map: Map<string, Element>, keep: { has(key: string): boolean }): void {
  for (const [key, element] of map) {
    if (keep.has(key)) continue;
    element.remove();
    map.delete(key);
  }
}

export class Scene {
  readonly element = svg("svg", "rtw-tree-svg", {
    role: "tree",
    tabindex: 0,
    "aria-label": "Tree of branches and checkpoints",
  });
  /** An inner svg clips what is panned out, so that it never runs over the axis. */
  readonly #plot = svg("svg", "rtw-plot");
  readonly #axis = svg("g", "rtw-axis", { "aria-hidden": "true" });
  readonly #axisTitle = svg("text", "", { "text-anchor": "end" });
  readonly #lines = svg("g", "rtw-lines", { "aria-hidden": "true" });
  readonly #minor = svg("g", "rtw-nodes", { role: "group" });
  readonly #major = svg("g", "rtw-nodes", { role: "group" });
  readonly #over = svg("g", "rtw-over", { "aria-hidden": "true" });
  readonly #labels = svg("g", "rtw-labels", { "aria-hidden": "true" });
  readonly #busy = svg("g", "rtw-busy-ring", { "aria-hidden": "true" });
  readonly #ring = svg("circle", "rtw-ring", { r: 10, "aria-hidden": "true" });
  readonly #head = svg("g", "rtw-head", { "aria-hidden": "true" });

  readonly #number: number;
  #made = 0;
  readonly #paths = new Map<string, SVGPathElement>();
  readonly #crosses = new Map<string, SVGPathElement>();
  readonly #nodes = new Map<string, SVGPathElement>();
  readonly #badges = new Map<string, SVGGElement>();
  readonly #texts = new Map<string, SVGTextElement>();
  readonly #ticks = new Map<string, SVGGElement>();

  constructor() {
    sceneCount += 1;
    this.#number = sceneCount;
    this.#head.append(svg("circle", "rtw-pulse", { r: 10 }), svg("circle", "rtw-head-dot", { r: 4 }));
    this.#busy.append(svg("circle", "", { r: 13 }));
    this.#busy.style.display = "none";
    this.#plot.append(this.#lines, this.#ring, this.#busy, this.#minor, this.#major, this.#head);
    this.#plot.append(this.#over, this.#labels);
    this.#axis.append(this.#axisTitle);
    this.element.append(this.#axis, this.#plot);
  }

  resize(width: number, height: number): void {
    setAttributes(this.element, { width, height, viewBox: `0 0 ${width} ${height}` });
    setText(this.#axisTitle, "step");
    setAttributes(this.#axisTitle, { x: width - 4, y: height - 5 });
    setAttributes(this.#plot, { width, height: height - AXIS_HEIGHT });
  }

  drawAxis(ticks: readonly { step: number; x: number }[], height: number): void {
    prune(this.#ticks, new Set(ticks.map(({ step }) => String(step))));
    for (const { step, x } of ticks) {
      const tick = keyed(this.#ticks, String(step), this.#axis, () => {
        const group = svg("g");
        const text = svg("text", "", { "text-anchor": "middle" });
        setText(text, formatCount(step));
        group.append(svg("line"), text);
        return group;
      });
      tick.setAttribute("transform", `translate(${x.toFixed(1)},0)`);
      tick.firstElementChild?.setAttribute("y2", String(height - AXIS_HEIGHT));
      tick.lastElementChild?.setAttribute("y", String(height - 5));
    }
  }

  drawBranch(branch: TreeBranch, placed: PlacedBranch, isHead: boolean): void {
    const path = keyed(this.#paths, branch.id, this.#lines, () => svg("path", "rtw-line"));
    setAttributes(path, { d: branchPath(placed), stroke: branch.colour, "data-branch": branch.id });
    path.classList.toggle("rtw-line-head", isHead);
    if (branch.stopped === null) {
      this.#crosses.get(branch.id)?.remove();
      this.#crosses.delete(branch.id);
      return;
    }
    const cross = keyed(this.#crosses, branch.id, this.#major, () => svg("path", "rtw-cross", { d: CROSS }));
    cross.setAttribute("transform", translate(placed.tip));
  }

  dropBranches(keep: { has(id: string): boolean }): void {
    prune(this.#paths, keep);
    prune(this.#crosses, keep);
  }

  drawNode(node: TreeNode, branch: TreeBranch, level: number, point: Point, isNews: boolean): void {
    const parent = node.cause === "interval" ? this.#minor : this.#major;
    let fresh = isNews;
    const element = keyed(this.#nodes, node.id, parent, () => {
      fresh = true;
      this.#made += 1;
      return svg("path", "rtw-node", { role: "treeitem", id: `rtw-node-${this.#number}-${this.#made}` });
    });
    if (fresh) {
      setAttributes(element, {
        d: GLYPHS[node.cause],
        "data-node": node.id,
        "data-cause": node.cause,
        "data-exact": String(node.exact),
        "data-checkpoint": node.checkpoint.status,
        "aria-level": level,
        "aria-label": describeNode(node, branch),
      });
    }
    const place = translate(point);
    element.setAttribute("transform", place);
    if (fresh) this.#drawBadges(node);
    this.#badges.get(node.id)?.setAttribute("transform", place);
  }

  #drawBadges(node: TreeNode): void {
    this.#badges.get(node.id)?.remove();
    this.#badges.delete(node.id);
    const marks = badge(node.checkpoint.status, node.pinned);
    if (marks.length === 0) return;
    keyed(this.#badges, node.id, this.#over, () => svg("g", "rtw-badges")).append(...marks);
  }

  dropNodes(keep: { has(id: string): boolean }): void {
    prune(this.#nodes, keep);
    prune(this.#badges, keep);
  }

  /** A ring that turns around a node which is being rebuilt, verified or gone back to. */
  drawBusy(point: Point | null): void {
    this.#busy.style.display = point ? "" : "none";
    if (point) this.#busy.setAttribute("transform", translate(point));
  }

  drawLabels(labels: readonly ({ id: string; x: number; y: number } & LabelText)[]): void {
    prune(this.#texts, new Set(labels.map(({ id }) => id)));
    for (const { id, x, y, text, colour } of labels) {
      const element = keyed(this.#texts, id, this.#labels, () => svg("text"));
      setText(element, text);
      setAttributes(element, { x: x.toFixed(1), y: y.toFixed(1), class: colour ? "rtw-branch-label" : null });
      element.style.fill = colour ? `color-mix(in srgb, ${colour} 72%, var(--rtw-text))` : "";
    }
  }

  moveLabel(id: string, x: number): void {
    this.#texts.get(id)?.setAttribute("x", x.toFixed(1));
  }

  drawHead(place: HeadPlace | null, colour: string, running: boolean): void {
    this.#head.style.display = place ? "" : "none";
    if (place) this.#head.setAttribute("transform", translate(place));
    if (this.#head.getAttribute("color") !== colour) this.#head.setAttribute("color", colour);
    this.#head.classList.toggle("rtw-running", running);
    // The node's own mark tells more than a dot on top of it.
    this.#head.classList.toggle("rtw-on-node", place?.onNode ?? false);
  }

  drawSelection(id: string | null, point: Point | null): void {
    this.#ring.style.display = point ? "" : "none";
    if (point) this.#ring.setAttribute("transform", translate(point));
    for (const [key, element] of this.#nodes) {
      const selected = key === id;
      if (element.getAttribute("aria-selected") !== String(selected)) {
        element.setAttribute("aria-selected", String(selected));
      }
    }
    const active = id === null ? undefined : this.#nodes.get(id);
    setAttributes(this.element, { "aria-activedescendant": active?.id ?? null });
  }
}
