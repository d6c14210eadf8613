/** The line below a control whose value a rule moves: which one, and who has it now. */

import { h, reconcile } from "../shared/dom.ts";
import type { RuledBy, RuleIntent } from "../wire_rules.ts";

export interface RuledWords {
  text: string;
  title: string;
  /** What a click asks for, and its words; null where there is nothing to ask. */
  action: { label: string; kind: "suspend_rule" | "resume_rule" } | null;
}

/** "Plateau governs · take over" Pure. */
export function describeRuled({ rule, suspended, resumable }: RuledBy): RuledWords {
  if (suspended === null) {
    const title = `The rule ${rule} may change this value; moving it by hand suspends the rule`;
    return { text: `${rule} governs`, title, action: { label: "take over", kind: "suspend_rule" } };
  }
  const action = resumable ? ({ label: "resume", kind: "resume_rule" } as const) : null;
  return { text: `${rule} suspended`, title: `${rule} does not act: ${suspended}`, action };
}

/** One line a rule, above the mark of a control's row; touched only when it says something else. */
export class RuledLines {
  readonly #ask: (intent: RuleIntent) => void;
  readonly #lines = new Map<HTMLElement, { seen: string; element: HTMLElement }>();

  constructor(ask: (intent: RuleIntent) => void) {
    this.#ask = ask;
  }

  update(row: HTMLElement, rules: readonly RuledBy[]): void {
    const seen = JSON.stringify(rules);
    const old = this.#lines.get(row);
    if (rules.length === 0) {
      old?.element.remove();
      this.#lines.delete(row);
      return;
    }
    if (old?.seen === seen) return;
    const element = old?.element ?? h("div", "rtw-ruled", { role: "status" });
    if (!old) row.insertBefore(element, row.querySelector(".rtw-mark"));
    this.#lines.set(row, { seen, element });
    const focused = element.contains(document.activeElement);
    reconcile(
      element,
      rules.map((rule) => this.#line(rule)),
    );
    if (focused) element.querySelector("button")?.focus();
  }

  /** Rows that are no longer shown. */
  keep(rows: ReadonlySet<HTMLElement>): void {
    for (const row of this.#lines.keys()) if (!rows.has(row)) this.#lines.delete(row);
  }

  #line(by: RuledBy): HTMLElement {
    const { text, title, action } = describeRuled(by);
    const sign = h("span", "rtw-diamond", { "aria-hidden": "true" }, by.suspended === null ? "◆ " : "◇ ");
    const line = h("div", "", { title, "data-suspended": String(by.suspended !== null) }, sign, text);
    if (action) {
      const link = h("button", "rtw-link", { type: "button" }, action.label);
      link.setAttribute("aria-label", `${action.label}: ${by.rule}`);
      link.addEventListener("click", () => this.#ask({ kind: action.kind, rule: by.rule }));
      line.append(" · ", link);
    }
    return line;
  }
}
