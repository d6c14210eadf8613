/** The box that says whether a node is exact, where its checkpoint is, and what a verification found. */

import { STATUS_WORDS } from "../shared/checkpoints.ts";
import { h } from "../shared/dom.ts";
import { formatBytes } from "../shared/number.ts";
import type { DetailNode } from "../wire.ts";

/** Exact or not and why; the digest; a way to check it. */
function exactness(node: DetailNode, verify: (() => void) | null): HTMLElement {
  const line = h("div");
  // What a verification found stands below.
  const why = node.verdict?.equal === false ? null : node.why;
  line.append(
    node.exact
      ? h("span", "rtw-good", {}, "✓ exact")
      : h("span", "rtw-warning", {}, `≈ not exact${why ? `: ${why}` : ""}`),
  );
  if (node.digest) {
    const short =
      node.digest.length > 12 ? `${node.digest.slice(0, 6)}…${node.digest.slice(-4)}` : node.digest;
    line.append(" · digest ", h("code", "", { title: node.digest }, short));
  }
  if (verify && node.busy === null && node.cause !== "start") {
    const link = h("button", "rtw-link", {
      type: "button",
      title: "Train its steps again and compare every bit",
    });
    link.append("verify");
    link.addEventListener("click", verify);
    line.append(" · ", link);
  }
  return line;
}

/** Where the checkpoint is, in words. */
export function describeCheckpoint({ checkpoint, rebuilding }: DetailNode): string {
  const { status, reason, bytes } = checkpoint;
  switch (status) {
    case "saved":
      return `saved, ${formatBytes(bytes)}`;
    case "not saved":
      return reason ? `not saved: ${reason}` : "not saved";
    case "evicted":
      return rebuilding ? `freed: ${rebuilding}` : "freed";
    case "saving":
      return `${STATUS_WORDS.saving} …`;
  }
}

function keeping(node: DetailNode): HTMLElement {
  const { status } = node.checkpoint;
  const line = h("div", status === "not saved" ? "rtw-bad" : "rtw-faint", { "data-checkpoint": status });
  line.append(describeCheckpoint(node));
  if (node.pinned) line.append(" · ", h("span", "rtw-pinned", { title: "Never freed for room" }, "pinned"));
  return line;
}

/** Lives as long as the node's facts: built anew when one of them changes. */
export function keepingBox(node: DetailNode, verify: (() => void) | null): HTMLElement {
  const box = h("div", "rtw-box", {}, exactness(node, verify), keeping(node));
  if (node.busy !== null) box.append(h("div", "rtw-busy", { role: "status" }, `${node.busy} …`));
  else if (node.verdict) {
    const { equal, text } = node.verdict;
    const words = equal ? `✓ verified: ${text}` : `✗ not reached again: ${text}`;
    box.append(h("div", equal ? "rtw-good" : "rtw-bad", {}, words));
  }
  return box;
}
