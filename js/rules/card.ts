/** A rule's card: what it watches and moves, how it stands, where it fired, on or off. */

import { button, h, reconcile, setAttributes, setText } from "../shared/dom.ts";
import { formatCount } from "../shared/number.ts";
import type { Fired, Rule, RuleIntent } from "../wire_rules.ts";
import { describeFired, describeSuspension } from "./words.ts";

export interface CardActions {
  ask(intent: RuleIntent): void;
  steerable: boolean;
}

export class Card {
  readonly element = h("section", "rtw-card");
  readonly #toggle = h("button", "rtw-switch", { type: "button", role: "switch" });
  readonly #aim = h("p", "rtw-card-aim");
  readonly #state = h("p", "rtw-card-state", { role: "status" });
  readonly #off = h("p", "rtw-warning rtw-card-off");
  readonly #summary = h("summary");
  readonly #list = h("ol", "rtw-fired");
  readonly #fired = h("details", "rtw-card-fired", {}, this.#summary, this.#list);
  readonly #actions: CardActions;
  #rule: Rule;
  #seen = "";

  constructor(rule: Rule, actions: CardActions, signal: AbortSignal) {
    this.#rule = rule;
    this.#actions = actions;
    this.element.setAttribute("aria-label", `Rule ${rule.name}`);
    this.element.dataset.rule = rule.name;
    const remove = button("×", {
      className: "rtw-small rtw-square",
      title: "Remove: take the rule out; a restore brings it back",
    });
    remove.setAttribute("aria-label", `Remove ${rule.name}`);
    const title = h("h4", "rtw-card-name", { title: rule.kind }, rule.name);
    const head = h(
      "div",
      "rtw-card-head",
      {},
      h("span", "rtw-diamond", { "aria-hidden": "true" }, "◆"),
      title,
    );
    if (actions.steerable) head.append(this.#toggle, remove);
    this.element.append(head, this.#aim, this.#state, this.#off, this.#fired);
    this.#toggle.addEventListener("click", () => this.#switch(), { signal });
    remove.addEventListener("click", () => actions.ask({ kind: "remove_rule", rule: rule.name }), { signal });
  }

  update(rule: Rule, state: string, fired: readonly Fired[]): void {
    this.#rule = rule;
    const isOn = rule.suspended === null;
    this.element.dataset.on = String(isOn);
    setText(this.#aim, rule.aim);
    setText(this.#state, state);
    setText(this.#off, describeSuspension(rule));
    this.#off.hidden = isOn;
    this.#toggle.disabled = !isOn && !rule.resumable;
    setText(this.#toggle, isOn ? "on" : "off");
    this.#toggle.title = isOn ? "Suspend: it does nothing until it is resumed" : "Resume: let it act again";
    setAttributes(this.#toggle, { "aria-checked": String(isOn), "aria-label": `${rule.name} acts` });
    this.#showFired(fired);
  }

  #switch(): void {
    const { name, suspended } = this.#rule;
    this.#actions.ask({ kind: suspended === null ? "suspend_rule" : "resume_rule", rule: name });
  }

  #showFired(fired: readonly Fired[]): void {
    setText(this.#summary, describeFired(fired));
    this.#fired.classList.toggle("rtw-nothing", fired.length === 0);
    const seen = JSON.stringify(fired);
    if (seen === this.#seen) return;
    this.#seen = seen;
    const entries = fired.map(({ step, reason, node }) => {
      const link = h("button", "rtw-link", { type: "button", title: "Select the node in the tree" });
      link.append(`step ${formatCount(step)}`);
      link.addEventListener("click", () => this.#actions.ask({ kind: "select", node, tab: null }));
      return h("li", "", {}, link, h("span", "rtw-faint", {}, ` ${reason}`));
    });
    reconcile(this.#list, entries);
  }
}
