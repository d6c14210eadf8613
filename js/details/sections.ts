/** The tables and boxes of the node panel. Each is built from values alone. */

import { h } from "../shared/dom.ts";
import { formatBytes, formatDelta, formatMetric, formatValue } from "../shared/number.ts";
import type { DetailChange, DetailMetric, DetailNode } from "../wire.ts";

function table(label: string, rows: HTMLElement[]): HTMLElement {
  return h("table", "rtw-table", { "aria-label": label }, h("tbody", "", {}, ...rows));
}

function metricRow({ name, value, delta, better }: DetailMetric): HTMLElement {
  const change = h("td", "rtw-delta", {}, delta === null ? "" : formatDelta(delta));
  if (better !== null) change.dataset.better = String(better);
  return h(
    "tr",
    "",
    {},
    h("th", "", { scope: "row", title: name }, name),
    h("td", "rtw-number", { title: String(value) }, formatMetric(value)),
    change,
  );
}

export function metricsTable(node: DetailNode): HTMLElement | null {
  return node.metrics.length === 0 ? null : table("Metrics", node.metrics.map(metricRow));
}

export function valuesTable(node: DetailNode): HTMLElement | null {
  if (node.values.length === 0) return null;
  const rows = node.values.map(({ key, value }) =>
    h(
      "tr",
      "",
      {},
      h("th", "", { scope: "row", title: key }, key),
      h("td", "rtw-number", { title: String(value) }, formatValue(value)),
    ),
  );
  return table("Hyperparameters", rows);
}

function changeLine({ key, old, new: next, notice }: DetailChange): HTMLElement {
  const line = h(
    "li",
    "",
    {},
    `${key} `,
    h("span", "rtw-number", {}, `${formatValue(old)} → ${formatValue(next)}`),
  );
  if (notice) line.append(h("div", "rtw-small-warning", {}, notice));
  return line;
}

export function changesList(node: DetailNode): HTMLElement | null {
  if (node.changes.length === 0) return null;
  return h(
    "section",
    "",
    {},
    h("h4", "rtw-group", {}, "Changed here"),
    h("ul", "rtw-changes", {}, ...node.changes.map(changeLine)),
    h("p", "rtw-faint", {}, "The checkpoint is the state before the change."),
  );
}

/** Exact or not and why; the digest; where the checkpoint is kept. */
export function keepingBox(node: DetailNode): HTMLElement {
  const exactness = node.exact
    ? h("span", "rtw-good", {}, node.verified ? "✓ exact, verified" : "✓ exact")
    : h("span", "rtw-warning", {}, `≈ not exact${node.why ? `: ${node.why}` : ""}`);
  const box = h("div", "rtw-box", {}, exactness);
  if (node.digest) {
    const short =
      node.digest.length > 12 ? `${node.digest.slice(0, 6)}…${node.digest.slice(-4)}` : node.digest;
    box.append(" · digest ", h("code", "", { title: node.digest }, short));
  }
  let keeping = `saved, ${formatBytes(node.bytes)}`;
  if (!node.saved) keeping = node.bytes > 0 ? `not saved yet, ${formatBytes(node.bytes)}` : "not saved yet";
  if (node.save_error) box.append(h("div", "rtw-bad", {}, `not saved: ${node.save_error}`));
  else box.append(h("div", "rtw-faint", {}, keeping));
  return box;
}
