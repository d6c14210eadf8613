/** What a person can do with a node or a branch: the same in the tree, its menu and the details. */

import type { AskSlot } from "./ask.ts";
import type { Feedback } from "./feedback.ts";
import type { Intents } from "./intents.ts";

export interface ActionTarget {
  node: string;
  note: string;
  branch: string;
  branchName: string;
  /** How many nodes go with the branch; null where that is not known. */
  branchNodes: number | null;
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
