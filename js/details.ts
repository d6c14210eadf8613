/** The panel of the selected node. */

import { keepingBox } from "./details/keeping.ts";
import { changesList, metricsTable, valuesTable } from "./details/sections.ts";
import { AskSlot } from "./shared/ask.ts";
import { CAUSE_NAMES, causeOf } from "./shared/causes.ts";
import { button, h, reconcile, setText } from "./shared/dom.ts";
import { Feedback } from "./shared/feedback.ts";
import { openMenu } from "./shared/menu.ts";
import { type ActionTarget, NodeActions } from "./shared/node_actions.ts";
import { formatCount } from "./shared/number.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { DetailNode, DetailsTraits } from "./wire.ts";

function timeOf(created: string): string {
  const date = new Date(created);
  if (Number.isNaN(date.getTime())) return "";
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function describe(node: DetailNode): string {
  const parts = [`step ${formatCount(node.step)}`, `epoch ${formatCount(node.epoch)}`, causeOf(node)];
  const time = timeOf(node.created);
  return `${node.branch_name} · ${parts.join(" · ")}${time ? `, ${time}` : ""}`;
}

/** Sections by name; one is rebuilt only when what it shows has changed. */
class Sections {
  readonly element = h("div", "rtw-sections");
  readonly #built = new Map<string, { seen: string; element: HTMLElement | null }>();

  show(parts: [name: string, shows: unknown, build: () => HTMLElement | null][]): void {
    const elements = parts.map(([name, shows, build]) => {
      const seen = JSON.stringify(shows);
      const old = this.#built.get(name);
      const element = old && old.seen === seen ? old.element : build();
      this.#built.set(name, { seen, element });
      return element;
    });
    reconcile(
      this.element,
      elements.filter((element) => element !== null),
    );
  }
}

function mount({ model, root, intents, signal, follow }: View<DetailsTraits>): void {
  const empty = h("p", "rtw-empty", {}, "Select a node in the tree to see it, restore it or branch from it.");
  const title = h("h3", "rtw-title");
  const steerable = model.get("steerable");
  const head = steerable
    ? h("span", "rtw-pill", { title: "Training stands here" }, "head")
    : h("span", "rtw-pill", { title: "Training was here when it was saved last" }, "where it was");
  const meta = h("p", "rtw-meta");
  const note = h("p", "rtw-note");
  const restore = button("Restore", {
    className: "rtw-primary",
    title: "Go back to this state; nothing is deleted",
  });
  const branch = button("Branch from here", { title: "Restore this state and start a new branch" });
  const more = button("⋯", { className: "rtw-square", title: "Verify, pin, note, rename, delete" });
  more.setAttribute("aria-label", "More actions");
  more.setAttribute("aria-haspopup", "menu");
  const buttons = h("div", "rtw-buttons", { hidden: !steerable }, restore, branch, more);
  const slot = new AskSlot();
  const feedback = new Feedback(() => model.get("node")?.busy ?? null);
  const actions = new NodeActions(intents, slot, feedback);
  const sections = new Sections();
  const panel = h("div", "rtw-panel");
  panel.append(
    h("div", "rtw-title-line", {}, title, head),
    meta,
    note,
    buttons,
    slot.element,
    feedback.element,
    sections.element,
  );
  root.append(empty, panel);

  const target = (): ActionTarget | null => {
    const node = model.get("node");
    if (!node) return null;
    return {
      node: node.id,
      note: node.note,
      pinned: node.pinned,
      checkpoint: node.checkpoint.status,
      branch: node.branch,
      branchName: node.branch_name,
      branchNodes: null,
      isRoot: node.is_root,
    };
  };
  const on = (element: HTMLElement, run: (target: ActionTarget) => Promise<void>): void =>
    element.addEventListener(
      "click",
      () => {
        const at = target();
        if (at) void run(at);
      },
      { signal },
    );
  on(restore, (at) => actions.restore(at));
  on(branch, (at) => actions.branch(at));
  more.addEventListener(
    "click",
    () => {
      const at = target();
      if (!at) return;
      const { left, bottom } = more.getBoundingClientRect();
      openMenu(root, left, bottom + 2, `Branch ${at.branchName}`, actions.menu(at));
    },
    { signal },
  );

  const verify = steerable
    ? (): void => {
        const at = target();
        if (at) void actions.verify(at);
      }
    : null;

  let shownId: string | null = null;
  follow(["node"], () => {
    const node = model.get("node");
    if ((node?.id ?? null) !== shownId) {
      slot.close();
      feedback.show("");
      shownId = node?.id ?? null;
    }
    empty.hidden = node !== null;
    panel.hidden = node === null;
    if (node === null) return;
    setText(title, node.label || node.note || CAUSE_NAMES[node.cause]);
    title.title = title.textContent ?? "";
    head.hidden = !node.is_head;
    setText(meta, describe(node));
    note.hidden = node.note === "" || node.note === title.textContent;
    setText(note, node.note);
    sections.show([
      ["metrics", node.metrics, () => metricsTable(node)],
      ["changes", node.changes, () => changesList(node)],
      [
        "keeping",
        [
          node.exact,
          node.why,
          node.digest,
          node.checkpoint,
          node.rebuilding,
          node.pinned,
          node.verdict,
          node.busy,
        ],
        () => keepingBox(node, verify),
      ],
      ["values", node.values, () => valuesTable(node)],
    ]);
  });
}

export default defineWidget<DetailsTraits>("details", mount);
