/** The tree of branches and checkpoints. */

import { AskSlot } from "./shared/ask.ts";
import { button, h } from "./shared/dom.ts";
import { Feedback } from "./shared/feedback.ts";
import { NodeActions } from "./shared/node_actions.ts";
import { defineWidget, type View } from "./shared/view.ts";
import { createActionButtons, openNodeMenu, targetOf } from "./tree/actions.ts";
import { createDisk } from "./tree/disk.ts";
import { createLegend } from "./tree/legend.ts";
import { listenToKeys, listenToPointer, type TreeGestures } from "./tree/pointer.ts";
import { TreeRenderer } from "./tree/render.ts";
import { Tooltip } from "./tree/tooltip.ts";
import type { TreeTraits } from "./wire.ts";

/** Widths of texts in the font of `element`, each measured once. */
function createMeasure(element: HTMLElement): (text: string) => number {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map<string, number>();
  let font = "";
  return (text) => {
    if (font === "" && element.isConnected && context) {
      font = `11px ${getComputedStyle(element).fontFamily}`;
      context.font = font;
      known.clear();
    }
    const width = known.get(text) ?? context?.measureText(text).width ?? text.length * 6.5;
    known.set(text, width);
    return width;
  };
}

function mount({ model, root, intents, signal, follow }: View<TreeTraits>): void {
  const feedback = new Feedback(() => model.get("busy")?.text ?? null);
  const left = new AskSlot(h("div", "rtw-tree-actions"));
  const actions = new NodeActions(intents, left, feedback);
  const tooltip = new Tooltip();
  const legend = createLegend();
  const renderer = new TreeRenderer(createMeasure(root), signal);
  const { viewport, scene } = renderer;

  const target = (id: string | null) => targetOf(renderer.index, id);
  const steerable = model.get("steerable");
  const buttons = createActionButtons(actions, () => target(model.get("selected")), signal);
  if (steerable) left.element.append(buttons.element);

  const zoomButton = (label: string, title: string, run: () => void): HTMLElement => {
    const element = button(label, { title, className: "rtw-square rtw-small" });
    element.setAttribute("aria-label", title);
    element.addEventListener("click", run, { signal });
    return element;
  };
  const disk = createDisk();
  const zooms = h("div", "rtw-buttons");
  zooms.append(
    zoomButton("−", "Zoom out", () => viewport.zoomBy(1 / 1.6)),
    zoomButton("+", "Zoom in (Ctrl and the wheel)", () => viewport.zoomBy(1.6)),
    zoomButton("Fit", "Show all", () => viewport.fit()),
  );
  const canvas = h("div", "rtw-tree-canvas", {}, scene.element);
  root.append(
    h("div", "rtw-tree-head", {}, left.element, disk.element, zooms),
    canvas,
    h("div", "rtw-tree-foot", {}, legend.element, feedback.element),
    tooltip.element,
  );

  const select = (id: string): void => {
    if (model.get("selected") !== id) {
      model.set("selected", id);
      model.save_changes();
    }
  };
  const gestures: TreeGestures = {
    selected: () => {
      const id = model.get("selected");
      return id !== null && renderer.index.nodes.has(id) ? id : null;
    },
    entry: () => {
      const head = model.get("head");
      return head.node ?? renderer.index.line.get(head.branch)?.at(-1)?.id ?? null;
    },
    select,
    restore: (id) => {
      const at = steerable ? target(id) : null;
      if (at) void actions.restore(at);
    },
    openMenu: (id, at) => {
      const on = steerable ? target(id) : null;
      if (on) openNodeMenu(root, at, renderer.index, on, actions);
    },
  };
  listenToPointer(renderer, tooltip, gestures, signal);
  listenToKeys(renderer, gestures, signal);

  const resize = new ResizeObserver(() => renderer.setWidth(Math.floor(canvas.clientWidth)));
  resize.observe(canvas);
  signal.addEventListener("abort", () => resize.disconnect());

  follow(["branches", "nodes"], () => {
    const [branches, nodes, head] = [model.get("branches"), model.get("nodes"), model.get("head")];
    renderer.setTree({ branches, nodes, head });
    legend.update(nodes);
    buttons.update();
  });
  follow(["disk"], () => disk.update(model.get("disk")));
  follow(["busy"], () => renderer.setBusy(model.get("busy")?.node ?? null));
  follow(["head"], () => renderer.setHead(model.get("head")));
  follow(["selected"], () => {
    const id = model.get("selected");
    // The question that stands is about the node selected before.
    left.close();
    renderer.setSelected(id);
    buttons.update();
    const point = id === null ? undefined : renderer.placement.nodes.get(id);
    if (point) viewport.reveal(point);
  });
}

export default defineWidget<TreeTraits>("tree", mount);
