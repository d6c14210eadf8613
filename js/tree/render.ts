/** From the model's traits to the scene: all of it when the tree changed, next to nothing when the head moved. */

import type { Head, TreeBranch, TreeNode, TreeTraits } from "../wire.ts";
import { BADGE_REACH, hasBadge } from "./badges.ts";
import { BRANCH_PRIORITY, branchLabel, HEAD_BRANCH_PRIORITY, labelPriority, nodeLabel } from "./describe.ts";
import { type Box, type LabelRequest, placeLabels, TIP_GAP } from "./labels.ts";
import { assignLanes, headPlace, type Lanes, type Placement, place } from "./layout.ts";
import { diffNodes, indexTree, parentBranch, type TreeIndex, tipStep } from "./model.ts";
import { AXIS_HEIGHT, type LabelText, Scene } from "./scene.ts";
import { Viewport } from "./viewport.ts";

const NODE_RADIUS = 6;
const NODE_SIDES = ["above", "below", "above-end", "below-end"] as const;
const FORK_SIDES = ["above-start", "below-start"] as const;

export class TreeRenderer {
  readonly scene = new Scene();
  readonly viewport: Viewport;
  index: TreeIndex = indexTree([], []);
  lanes: Lanes = new Map();
  placement: Placement = { nodes: new Map(), branches: new Map() };

  readonly #measure: (text: string) => number;
  #head: Head = { branch: "", step: 0, node: null, running: false };
  #selected: string | null = null;
  #busy: string | null = null;
  #levels = new Map<string, number>();
  #news = new Set<string>();
  #frame = 0;

  /** @param measure the width of a text in pixels, in the labels' font */
  constructor(measure: (text: string) => number, signal: AbortSignal) {
    this.#measure = measure;
    this.viewport = new Viewport(this.scene.element, () => this.#drawSoon(), signal);
    signal.addEventListener("abort", () => cancelAnimationFrame(this.#frame));
  }

  setTree({ branches, nodes, head }: Pick<TreeTraits, "branches" | "nodes" | "head">): void {
    const next = indexTree(branches, nodes);
    const renamed = branches.filter((branch) => this.index.branches.get(branch.id)?.name !== branch.name);
    const { added, changed } = diffNodes(this.index.nodes, next.nodes);
    this.#news = new Set([...this.#news, ...added, ...changed]);
    for (const { id } of renamed) for (const node of next.line.get(id) ?? []) this.#news.add(node.id);
    this.index = next;
    this.lanes = assignLanes(next);
    this.#levels = new Map();
    for (const id of this.lanes.keys()) this.#levels.set(id, this.#levelOf(id));
    this.#head = head;
    this.#fit();
    this.draw();
  }

  /** A step of training: the dot moves, its line grows; all else stays unless the view is full. */
  setHead(head: Head): void {
    const isElsewhere = head.branch !== this.#head.branch || head.step < this.#head.step;
    this.#head = head;
    if (this.#fit() || isElsewhere) {
      this.draw();
      return;
    }
    const frame = this.viewport.frame();
    const branch = this.index.branches.get(head.branch);
    const placed = branch && this.placement.branches.get(branch.id);
    if (branch && placed) {
      placed.tip.x = Math.max(frame.x(tipStep(this.index, branch, head)), placed.start.x);
      placed.tip.x = Math.max(placed.tip.x, this.#lastNodeX(branch.id));
      this.scene.drawBranch(branch, placed, true);
      this.scene.moveLabel(`branch:${branch.id}`, placed.tip.x + TIP_GAP);
    }
    this.#drawHead();
  }

  setSelected(id: string | null): void {
    this.#selected = id;
    this.draw();
  }

  /** The node that something is being done with which takes a while. */
  setBusy(id: string | null): void {
    this.#busy = id;
    this.#drawBusy();
  }

  setWidth(width: number): void {
    this.#width = width;
    if (this.#fit()) this.draw();
  }

  draw(): void {
    if (this.viewport.width === 0) return;
    const { width, height } = this.viewport;
    const frame = this.viewport.frame();
    this.placement = place(this.index, this.lanes, this.#head, frame);
    this.scene.resize(width, height);
    this.scene.drawAxis(this.viewport.ticks(), height);
    for (const [id, placed] of this.placement.branches) {
      const branch = this.index.branches.get(id);
      if (branch) this.scene.drawBranch(branch, placed, id === this.#head.branch);
    }
    this.scene.dropBranches(this.placement.branches);
    const visible = this.#drawNodes(width, height);
    this.#drawLabels(visible, { left: 4, right: width - 4, top: 0, bottom: height - AXIS_HEIGHT });
    this.#drawHead();
    this.#drawBusy();
    const selected = this.#selected === null ? undefined : this.placement.nodes.get(this.#selected);
    this.scene.drawSelection(this.#selected, selected ?? null);
  }

  #width = 0;

  #fit(): boolean {
    if (this.#width === 0) return false;
    let tip = 0;
    for (const branch of this.index.branches.values())
      tip = Math.max(tip, tipStep(this.index, branch, this.#head));
    return this.viewport.fitTo(this.#width, Math.max(1, this.lanes.size), tip);
  }

  #drawSoon(): void {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  #drawHead(): void {
    const place = headPlace(this.index, this.placement, this.#head, this.viewport.frame());
    const colour = this.index.branches.get(this.#head.branch)?.colour ?? "";
    this.scene.drawHead(place, colour, this.#head.running);
  }

  #drawBusy(): void {
    this.scene.drawBusy((this.#busy !== null && this.placement.nodes.get(this.#busy)) || null);
  }

  #levelOf(id: string): number {
    const branch = this.index.branches.get(id);
    const parent = branch ? parentBranch(this.index, branch) : null;
    return parent === null ? 1 : (this.#levels.get(parent) ?? 0) + 1;
  }

  #lastNodeX(branch: string): number {
    const last = this.index.line.get(branch)?.at(-1);
    return (last && this.placement.nodes.get(last.id)?.x) ?? 0;
  }

  /** Draws the nodes in sight (and the selected one, which a screen reader follows); returns them. */
  #drawNodes(width: number, height: number): TreeNode[] {
    const pad = 24;
    const visible = new Map<string, TreeNode>();
    for (const [id, point] of this.placement.nodes) {
      const isInside = point.x > -pad && point.x < width + pad && point.y > -pad && point.y < height;
      if (!isInside && id !== this.#selected) continue;
      const node = this.index.nodes.get(id);
      const branch = node && this.index.branches.get(node.branch);
      if (!node || !branch) continue;
      this.scene.drawNode(node, branch, this.#levels.get(branch.id) ?? 1, point, this.#news.delete(id));
      visible.set(id, node);
    }
    this.scene.dropNodes(visible);
    return [...visible.values()];
  }

  #drawLabels(visible: readonly TreeNode[], bounds: Box): void {
    const texts = new Map<string, LabelText>();
    const requests: LabelRequest[] = [];
    const obstacles: Box[] = [];
    const request = (id: string, label: LabelText, rest: Omit<LabelRequest, "id" | "width">): void => {
      texts.set(id, label);
      requests.push({ id, width: this.#measure(label.text), ...rest });
    };
    for (const node of visible) {
      const point = this.placement.nodes.get(node.id);
      if (!point) continue;
      const { x, y } = point;
      const r = NODE_RADIUS;
      obstacles.push({ left: x - r, right: x + r, top: y - r, bottom: y + r });
      if (hasBadge(node.checkpoint.status, node.pinned)) {
        obstacles.push({
          left: x - BADGE_REACH.x,
          right: x + BADGE_REACH.x,
          top: y - BADGE_REACH.y,
          bottom: y,
        });
      }
      const text = nodeLabel(node);
      if (text === "") continue;
      const isFirst = this.index.line.get(node.branch)?.[0] === node;
      const isFork = isFirst && (this.lanes.get(node.branch) ?? 0) > 0;
      const priority = labelPriority(node, node.id === this.#selected);
      request(node.id, { text, colour: null }, { x, y, priority, sides: isFork ? FORK_SIDES : NODE_SIDES });
    }
    for (const [id, { fork, start, tip }] of this.placement.branches) {
      const branch = this.index.branches.get(id) as TreeBranch;
      if (fork)
        obstacles.push({ left: fork.x + 9, right: fork.x + 17, top: fork.y + 8, bottom: start.y - 8 });
      if (tip.x < bounds.left - 20 || tip.x > bounds.right) continue;
      const priority = id === this.#head.branch ? HEAD_BRANCH_PRIORITY : BRANCH_PRIORITY;
      const label = { text: branchLabel(branch), colour: branch.colour };
      request(`branch:${id}`, label, { x: tip.x, y: tip.y, priority, sides: ["right"] });
    }
    const placed = placeLabels(requests, obstacles, bounds);
    this.scene.drawLabels(placed.map(({ id, x, y }) => ({ id, x, y, ...(texts.get(id) as LabelText) })));
  }
}
