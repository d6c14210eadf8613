/** One hyperparameter: its slider or checkbox, its exact field, and its mark. */

import { h, setText } from "../shared/dom.ts";
import type { Intents } from "../shared/intents.ts";
import { formatValue, parseNumber } from "../shared/number.ts";
import type { Hyperparameter, HyperparameterValue, Intent, Mark } from "../wire.ts";
import type { Governed } from "../wire_schedules.ts";
import { GovernedLine, type Hold } from "./governed.ts";
import { movedText } from "./governed_text.ts";
import { isSettled, markKey, type Pending, type ShownMark, shownMark } from "./mark.ts";
import { SchedulePopup } from "./schedule/popup.ts";
import { Slider } from "./slider.ts";

/** The numbers of the page's rows; an id must be unique among all views on it. */
let rowCount = 0;

/** "decoupled_weight_decay" with places to break a line at. */
function breakable(label: string): (Node | string)[] {
  return label.split(/(?<=[_.])/).flatMap((part, at) => (at === 0 ? [part] : [h("wbr"), part]));
}

export class Row {
  readonly element = h("div", "rtw-row");
  readonly #hyperparameter: Hyperparameter;
  readonly #intents: Intents;
  readonly #slider: Slider | null = null;
  readonly #field: HTMLInputElement;
  readonly #markLine = h("div", "rtw-mark", { role: "status" });
  readonly #noteLine = h("div", "rtw-row-note", { hidden: true });
  readonly #governedLine: GovernedLine;
  readonly #popup: SchedulePopup;

  #value: HyperparameterValue | undefined;
  #mark: Mark | undefined;
  #pending: Pending | null = null;
  #local: { mark: ShownMark; seen: string } | null = null;
  #governed: Governed | null = null;

  constructor(hyperparameter: Hyperparameter, intents: Intents, signal: AbortSignal) {
    this.#hyperparameter = hyperparameter;
    this.#intents = intents;
    const { key, label, kind, help } = hyperparameter;
    rowCount += 1;
    const id = `rtw-control-${rowCount}`;
    this.element.dataset.key = key;
    this.#markLine.id = `${id}-mark`;
    const name = h("label", "rtw-row-label", { for: id, title: help || key });
    name.append(...breakable(label));
    const ask = (what: Hold): void => void this.#ask({ kind: what, key }, `asked to ${what} it …`);
    this.#governedLine = new GovernedLine(key, ask, signal);
    this.#popup = new SchedulePopup(key, this.element, intents, signal);
    const described = { id, "aria-describedby": `${id}-help ${this.#markLine.id}` };
    const spoken = h("span", "rtw-spoken", { id: `${id}-help` }, help);
    if (kind === "bool") {
      this.#field = h("input", "rtw-checkbox", { type: "checkbox", ...described });
      this.#field.addEventListener("change", () => this.#send(this.#field.checked), { signal });
      this.element.classList.add("rtw-row-switch");
      this.element.append(this.#field, name, spoken, this.#markLine);
      return;
    }
    const handlers = {
      moved: (to: number) => this.#foretell(to),
      chosen: (to: number) => void this.#send(to),
      released: () => this.#showValue(),
    };
    this.#slider = new Slider(hyperparameter, described, handlers, signal);
    this.#field = h("input", "rtw-field rtw-exact", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": `${key} (exact value)`,
      "aria-describedby": this.#markLine.id,
    });
    this.element.append(name, this.#slider.element, this.#field, spoken, this.#popup.button);
    this.element.append(this.#governedLine.element, this.#noteLine, this.#markLine);
    this.#listenToField(signal);
  }

  /** Takes what Python says. A control in a person's hand, or with an open question, is left alone. */
  update(
    value: HyperparameterValue | undefined,
    mark: Mark | undefined,
    governed: Governed | null,
    note: string,
  ): void {
    if (JSON.stringify(governed) !== JSON.stringify(this.#governed)) {
      this.#governed = governed;
      this.#governedLine.show(governed);
      this.#popup.show(governed);
      this.element.classList.toggle("rtw-row-governed", governed !== null);
    }
    this.element.classList.toggle("rtw-row-noted", note !== "");
    this.#noteLine.hidden = note === "";
    setText(this.#noteLine, note);
    const isNews = value !== this.#value || markKey(mark) !== markKey(this.#mark);
    this.#value = value;
    this.#mark = mark;
    const isSettledNow = this.#pending !== null && isSettled(this.#pending, mark);
    if (isSettledNow) this.#pending = null;
    if (isNews) {
      this.#showValue(isSettledNow && mark?.state === "refused");
      this.#showMark();
    }
  }

  /** Whether its mark says something that should be seen now: an open question, or a refusal. */
  get isUrgent(): boolean {
    const state = this.#markLine.dataset.state;
    return state === "asked" || state === "refused";
  }

  #listenToField(signal: AbortSignal): void {
    const field = this.#field;
    field.addEventListener("change", () => this.#sendField(), { signal });
    field.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") {
          field.value = formatValue(this.#value);
          field.blur();
        } else if (event.key === "Enter" && field.value !== formatValue(this.#value)) {
          // `change` does not fire for a text that stands as it was when the field got the focus.
          this.#sendField();
        }
      },
      { signal },
    );
    field.addEventListener("focus", () => field.select(), { signal });
    field.addEventListener("blur", () => this.#showValue(), { signal });
  }

  #sendField(): void {
    const text = this.#field.value;
    if (text === formatValue(this.#value) || this.#pending?.asked === parseNumber(text)) return;
    const value = parseNumber(text);
    if (value !== null) {
      this.#send(value);
      return;
    }
    this.#say("refused", `“${text.slice(0, 24)}” is not a number`, markKey(this.#mark));
    this.#showValue(true);
  }

  async #send(value: HyperparameterValue): Promise<void> {
    const pending: Pending = { asked: value, seen: markKey(this.#mark), answered: false };
    this.#pending = pending;
    this.#paint(value);
    const intent = { kind: "set", key: this.#hyperparameter.key, value } as const;
    const isTaken = await this.#ask(intent, `asked ${formatValue(value)} …`, () => this.#pending === pending);
    if (isTaken === null) return;
    pending.answered = true;
    if (!isTaken) {
      this.#pending = null;
      this.#showValue(true);
    } else if (isSettled(pending, this.#mark)) {
      this.#pending = null;
      this.#value = value;
    }
  }

  /** Asks, and says so; whether it was taken, or null where the answer is none of this row's business any more. */
  async #ask(intent: Intent, words: string, isOpen = () => true): Promise<boolean | null> {
    const seen = markKey(this.#mark);
    this.#say("asked", words, seen);
    const answer = await this.#intents.ask(intent);
    if (!isOpen()) return null;
    // What was accepted stands until the pump says otherwise: going back and forth would flicker.
    if (!answer.ok) this.#say("refused", answer.error, markKey(this.#mark));
    else if (answer.text) this.#say("applied", answer.text, seen);
    else this.#say(null, "", seen);
    return answer.ok;
  }

  #say(state: ShownMark["state"] | null, text: string, seen: string): void {
    this.#local = state === null ? null : { mark: { state, text }, seen };
    this.#showMark();
  }

  /** What the slider would do if it were let go here. */
  #foretell(to: number): void {
    this.#field.value = formatValue(to);
    const now = this.#value;
    if (this.#governed !== null && typeof now === "number") {
      this.#governedLine.say(movedText(this.#governed, now, to));
    }
  }

  #showValue(force = false): void {
    const busy = this.#pending !== null || this.#slider?.isHeld;
    if (this.#value === undefined || (busy && !force)) return;
    this.#paint(this.#value, force);
    this.#governedLine.say(null);
  }

  #paint(value: HyperparameterValue, force = true): void {
    if (typeof value === "boolean") {
      this.#field.checked = value;
      return;
    }
    this.#slider?.paint(value);
    // A field someone is typing in keeps its text.
    const isTyping = this.#field.getRootNode() instanceof Document && document.activeElement === this.#field;
    if (force || !isTyping) this.#field.value = formatValue(value);
    this.#field.title = String(value);
  }

  #showMark(): void {
    const mark = shownMark(this.#local?.mark ?? null, this.#local?.seen ?? "", this.#mark);
    setText(this.#markLine, mark?.text ?? "");
    this.#markLine.dataset.state = mark?.state ?? "";
  }
}
