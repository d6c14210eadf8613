/** Pointer and keyboard on the tree: hover, click, context menu, arrows. */

import { nearest, type Point } from "./layout.ts";
import { type Direction, neighbour } from "./navigate.ts";
import type { TreeRenderer } from "./render.ts";
import type { Tooltip } from "./tooltip.ts";

/** A node answers to a pointer this near, in pixels: more than its mark, as marks are small. */
const REACH = 14;

const DIRECTIONS: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "home",
  End: "end",
};

export interface TreeGestures {
  selected(): string | null;
  /** Where the arrows start when nothing is selected. */
  entry(): string | null;
  select(id: string): void;
  restore(id: string): void;
  openMenu(id: string, at: Point): void;
}

export function listenToPointer(
  renderer: TreeRenderer,
  tooltip: Tooltip,
  gestures: TreeGestures,
  signal: AbortSignal,
): void {
  const element = renderer.scene.element;
  const under = (event: MouseEvent): string | null => {
    const { left, top } = element.getBoundingClientRect();
    return nearest(renderer.placement, { x: event.clientX - left, y: event.clientY - top }, REACH);
  };
  element.addEventListener(
    "pointermove",
    (event) => {
      const id = event.buttons === 0 ? under(event) : null;
      const node = id === null ? undefined : renderer.index.nodes.get(id);
      const branch = node && renderer.index.branches.get(node.branch);
      element.classList.toggle("rtw-over-node", node !== undefined);
      if (node && branch) tooltip.show(node, branch, event.clientX, event.clientY);
      else tooltip.hide();
    },
    { signal },
  );
  element.addEventListener("pointerleave", () => tooltip.hide(), { signal });
  element.addEventListener("pointerdown", () => tooltip.hide(), { signal });
  element.addEventListener(
    "click",
    (event) => {
      element.focus({ preventScroll: true });
      const id = under(event);
      if (id !== null) gestures.select(id);
    },
    { signal },
  );
  element.addEventListener(
    "contextmenu",
    (event) => {
      // A key press carries no place: the menu opens at the selected node.
      const id = event.button === 2 ? under(event) : gestures.selected();
      const point = id === null ? undefined : renderer.placement.nodes.get(id);
      if (id === null || !point) return;
      event.preventDefault();
      event.stopPropagation();
      tooltip.hide();
      // Where the menu gives the focus back to.
      element.focus({ preventScroll: true });
      gestures.select(id);
      const { left, top } = element.getBoundingClientRect();
      gestures.openMenu(id, { x: left + point.x + 8, y: top + point.y + 8 });
    },
    { signal },
  );
}

export function listenToKeys(renderer: TreeRenderer, gestures: TreeGestures, signal: AbortSignal): void {
  const element = renderer.scene.element;
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
      const selected = gestures.selected();
      const direction = DIRECTIONS[event.key];
      if (direction) {
        const { index, lanes, placement } = renderer;
        const next =
          selected === null ? gestures.entry() : neighbour(index, lanes, placement, selected, direction);
        if (next !== null) gestures.select(next);
      } else if (event.key === "Enter") {
        if (selected !== null) gestures.restore(selected);
      } else if (event.key === "+" || event.key === "=") renderer.viewport.zoomBy(1.5);
      else if (event.key === "-") renderer.viewport.zoomBy(1 / 1.5);
      else if (event.key === "0") renderer.viewport.fit();
      else return;
      event.preventDefault();
    },
    { signal },
  );
}
