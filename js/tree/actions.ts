/** The buttons and the context menu: what can be done with the selected node. */

import { button, h } from "../shared/dom.ts";
import { type MenuItem, openMenu } from "../shared/menu.ts";
import type { ActionTarget, NodeActions } from "../shared/node_actions.ts";
import { formatCount } from "../shared/number.ts";
import { nodeTitle, shorten } from "./describe.ts";
import type { TreeIndex } from "./model.ts";

export function targetOf(index: TreeIndex, id: string | null): ActionTarget | null {
  const node = id === null ? undefined : index.nodes.get(id);
  const branch = node && index.branches.get(node.branch);
  if (!node || !branch) return null;
  return {
    node: node.id,
    note: node.note,
    pinned: node.pinned,
    checkpoint: node.checkpoint.status,
    branch: branch.id,
    branchName: branch.name,
    branchNodes: index.line.get(branch.id)?.length ?? 0,
    isRoot: branch.fork === null,
  };
}

export function openNodeMenu(
  root: HTMLElement,
  at: { x: number; y: number },
  index: TreeIndex,
  target: ActionTarget,
  actions: NodeActions,
): void {
  const node = index.nodes.get(target.node);
  if (!node) return;
  const items: MenuItem[] = [
    { label: "Restore", hint: "Enter", run: () => void actions.restore(target) },
    { label: "Branch from here …", run: () => void actions.branch(target) },
    ...actions.menu(target),
  ];
  openMenu(root, at.x, at.y, `${shorten(nodeTitle(node))} · step ${formatCount(node.step)}`, items);
}

export function createActionButtons(
  actions: NodeActions,
  current: () => ActionTarget | null,
  signal: AbortSignal,
) {
  const restore = button("Restore", {
    className: "rtw-primary",
    title: "Go back to the selected node; nothing is deleted (Enter)",
  });
  const branch = button("Branch from here", { title: "Restore the selected node and start a new branch" });
  const note = button("Note", { title: "Edit the node's note" });
  const rename = button("Rename", { title: "Rename the node's branch" });
  const remove = button("Delete branch", { title: "Delete the node's branch; asks first" });
  const on = (element: HTMLElement, run: (target: ActionTarget) => Promise<void>): void =>
    element.addEventListener(
      "click",
      () => {
        const target = current();
        if (target) void run(target);
      },
      { signal },
    );
  on(restore, (target) => actions.restore(target));
  on(branch, (target) => actions.branch(target));
  on(note, (target) => actions.note(target));
  on(rename, (target) => actions.rename(target));
  on(remove, (target) => actions.deleteBranch(target));
  return {
    element: h("div", "rtw-buttons", {}, restore, branch, note, rename, remove),
    update(): void {
      const target = current();
      for (const element of [restore, branch, note, rename]) element.disabled = target === null;
      remove.disabled = target === null || target.isRoot;
    },
  };
}
