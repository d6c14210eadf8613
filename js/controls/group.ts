/** The controls of one group: those that people turn in sight, the switches behind "more". */

import { h, reconcile, setText } from "../shared/dom.ts";
import type { Hyperparameter } from "../wire.ts";
import type { Row } from "./row.ts";

/** Switches that belong to the first choices, of whichever param group. */
const COMMON_SWITCHES = new Set(["nesterov", "frozen"]);

/** What a person opened or closed stays so on this page, also in a view that is made later. */
const opened = new Map<string, boolean>();

export function isSwitch({ kind, label }: Pick<Hyperparameter, "kind" | "label">): boolean {
  return kind === "bool" && !COMMON_SWITCHES.has(label.slice(label.lastIndexOf(".") + 1));
}

export class Group {
  readonly element: HTMLElement;
  readonly #rows = h("div", "rtw-rows");
  readonly #switches = h("div", "rtw-rows");
  readonly #summary = h("summary", "rtw-more");
  readonly #more: HTMLDetailsElement;
  #behind: Row[] = [];
  #urgent = new Set<Row>();

  constructor(name: string, signal: AbortSignal) {
    this.#more = h("details", "", { open: opened.get(name) ?? false }, this.#summary, this.#switches);
    // Not `toggle`, which also fires when the group opens itself.
    this.#summary.addEventListener("click", () => opened.set(name, !this.#more.open), { signal });
    this.element = h("section", "rtw-group-section", { "aria-label": name });
    this.element.append(h("h3", "rtw-group", {}, name), this.#rows, this.#more);
  }

  arrange(rows: readonly { row: Row; hyperparameter: Hyperparameter }[]): void {
    const visible = rows.filter(({ hyperparameter }) => !isSwitch(hyperparameter));
    const behind = rows.filter(({ hyperparameter }) => isSwitch(hyperparameter));
    this.#behind = behind.map(({ row }) => row);
    reconcile(
      this.#rows,
      visible.map(({ row }) => row.element),
    );
    reconcile(
      this.#switches,
      this.#behind.map(({ element }) => element),
    );
    this.#more.hidden = behind.length === 0;
    setText(this.#summary, behind.length === 1 ? "1 more switch" : `${behind.length} more switches`);
    this.#summary.title = behind.map(({ hyperparameter }) => hyperparameter.label).join(", ");
  }

  /** Opens where something newly asked or refused would stay out of sight. */
  reveal(): void {
    const urgent = new Set(this.#behind.filter((row) => row.isUrgent));
    if ([...urgent].some((row) => !this.#urgent.has(row))) this.#more.open = true;
    this.#urgent = urgent;
  }
}
