/** What a person can do with a node or a branch: the same in the tree, its menu and the details. */

import type { CheckpointStatus } from "../wire.ts";
import type { AskSlot } from "./ask.ts";
import type { Feedback } from "./feedback.ts";
import type { Intents } from "./intents.ts";
import type { MenuItem } from "./menu.ts";

export interface ActionTarget {
  node: string;
  note: string;
  pinned: boolean;
  checkpoint: CheckpointStatus;
  branch: string;
  branchName: string;
  /** How many nodes go with the branch; null where that is not known. */
  branchNodes: number | null;
  /** A root branch holds the start of all others: it cannot be deleted. */
  isRoot: boolean;
}

export class NodeActions {
  constructor(
    private readonly intents: Intents,
    private readonly slot: AskSlot,
    private readonly feedback: Feedback,
  ) {}

  async restore(target: ActionTarget): Promise<void> {
    this.slot.close();
    await this.feedback.follow("restore", this.intents.ask({ kind: "restore", node: target.node }));
  }

  /** Trains the way to the node again and compares; training waits meanwhile. */
  async verify(target: ActionTarget): Promise<void> {
    this.slot.close();
    await this.feedback.follow("verify", this.intents.ask({ kind: "verify", node: target.node }));
  }

  /** Keeps the checkpoint whatever the budget says, or no longer. */
  async pin(target: ActionTarget): Promise<void> {
    const intent = { kind: "pin", node: target.node, pinned: !target.pinned } as const;
    await this.feedback.follow(target.pinned ? "unpin" : "pin", this.intents.ask(intent));
  }

  /** Frees the checkpoint; the node stays, and is rebuilt by replay when it is restored. */
  async evict(target: ActionTarget): Promise<void> {
    this.slot.close();
    await this.feedback.follow("free", this.intents.ask({ kind: "evict", node: target.node }));
  }

  /** What the menus have in common: everything but restoring and branching. */
  menu(target: ActionTarget): MenuItem[] {
    return [
      { label: "Verify", hint: "trains its steps again", run: () => void this.verify(target) },
      {
        label: target.pinned ? "Unpin" : "Pin",
        hint: target.pinned ? "may be freed for room" : "never freed for room",
        run: () => void this.pin(target),
      },
      {
        label: "Free its checkpoint",
        hint: "rebuilt by replay",
        disabled: target.checkpoint !== "saved" || target.pinned,
        run: () => void this.evict(target),
      },
      { label: "Edit note …", run: () => void this.note(target) },
      { label: "Rename branch …", run: () => void this.rename(target) },
      {
        label: "Delete branch …",
        danger: true,
        disabled: target.isRoot,
        run: () => void this.deleteBranch(target),
      },
    ];
  }

  async branch(target: ActionTarget): Promise<void> {
    const name = await this.slot.ask({
      label: "New branch from here",
      action: "Branch",
      value: "",
      placeholder: "name (or named after its first change)",
    });
    if (name === null) return;
    const intent = { kind: "branch", node: target.node, name: name || null } as const;
    await this.feedback.follow("branch", this.intents.ask(intent));
  }

  async note(target: ActionTarget): Promise<void> {
    const note = await this.slot.ask({ label: "Note", action: "Save", value: target.note });
    if (note === null || note === target.note) return;
    await this.feedback.follow("note", this.intents.ask({ kind: "note", node: target.node, note }));
  }

  async rename(target: ActionTarget): Promise<void> {
    const name = await this.slot.ask({ label: "Rename branch", action: "Rename", value: target.branchName });
    if (!name || name === target.branchName) return;
    const intent = { kind: "rename", branch: target.branch, name } as const;
    await this.feedback.follow("rename", this.intents.ask(intent));
  }

  async deleteBranch(target: ActionTarget): Promise<void> {
    const count = target.branchNodes;
    const nodes = count === null ? "its nodes" : `its ${count} ${count === 1 ? "node" : "nodes"}`;
    const sure = await this.slot.ask({
      label: `Delete branch “${target.branchName}” and ${nodes}?`,
      action: "Delete",
      danger: true,
    });
    if (sure === null) return;
    const intent = { kind: "delete_branch", branch: target.branch } as const;
    await this.feedback.follow("delete", this.intents.ask(intent));
  }
}
