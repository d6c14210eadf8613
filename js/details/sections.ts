/** The tables and lists of the node panel. Each is built from values alone. */

import { changedTo } from "../shared/changes.ts";
import { h } from "../shared/dom.ts";
import { formatDelta, formatMetric, formatValue } from "../shared/number.ts";
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

function changeLine(change: DetailChange): HTMLElement {
  const { key, notice } = change;
  const line = h("li", "", {}, `${key} `, h("span", "rtw-number", {}, changedTo(change)));
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
