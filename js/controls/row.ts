/** One hyperparameter: its slider or checkbox, its exact field, and its mark. */

import { h, setText } from "../shared/dom.ts";
import type { Intents } from "../shared/intents.ts";
import { formatValue, parseNumber } from "../shared/number.ts";
import type { Hyperparameter, HyperparameterValue, Mark } from "../wire.ts";
import { isSettled, markKey, type Pending, type ShownMark, shownMark } from "./mark.ts";
import { keyStep, positionOf, valueAt } from "./scale.ts";

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
  readonly #slider: HTMLInputElement | null;
  readonly #field: HTMLInputElement;
  readonly #markLine = h("div", "rtw-mark", { role: "status" });

  #value: HyperparameterValue | undefined;
  #mark: Mark | undefined;
  #pending: Pending | null = null;
  #local: { mark: ShownMark; seen: string } | null = null;
  #dragging = false;
  #keyHeld = false;
  #keyMoved = false;

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
    const described = { id, "aria-describedby": this.#markLine.id };
    if (kind === "bool") {
      this.#slider = null;
      this.#field = h("input", "rtw-checkbox", { type: "checkbox", ...described });
      this.#field.addEventListener("change", () => this.#send(this.#field.checked), { signal });
      this.element.classList.add("rtw-row-switch");
      this.element.append(this.#field, name, this.#markLine);
      return;
    }
    this.#slider = h("input", "rtw-slider", {
      type: "range",
      min: 0,
      max: 1,
      step: "any",
      ...described,
    });
    this.#field = h("input", "rtw-field rtw-exact", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": `${key} (exact value)`,
      "aria-describedby": this.#markLine.id,
    });
    this.element.append(name, this.#slider, this.#field, this.#markLine);
    this.#listenToSlider(this.#slider, signal);
    this.#listenToField(signal);
  }

  /** Takes what Python says. A control in a person's hand, or with an open question, is left alone. */
  update(value: HyperparameterValue | undefined, mark: Mark | undefined): void {
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

  #listenToSlider(slider: HTMLInputElement, signal: AbortSignal): void {
    slider.addEventListener(
      "pointerdown",
      () => {
        this.#dragging = true;
      },
      { signal },
    );
    // The browser fires `change` after `pointerup`; only then is it known whether the value moved.
    const release = (): void => {
      if (!this.#dragging) return;
      requestAnimationFrame(() => {
        this.#dragging = false;
        this.#showValue();
      });
    };
    document.addEventListener("pointerup", release, { signal });
    document.addEventListener("pointercancel", release, { signal });
    slider.addEventListener(
      "input",
      () => {
        const value = valueAt(this.#hyperparameter, slider.valueAsNumber);
        this.#paintSlider(value);
        this.#field.value = formatValue(value);
      },
      { signal },
    );
    slider.addEventListener(
      "change",
      () => {
        this.#dragging = false;
        this.#sendSlider(slider);
      },
      { signal },
    );
    slider.addEventListener("keydown", (event) => this.#nudge(event, slider), { signal });
    const settle = (): void => {
      this.#keyHeld = false;
      if (this.#keyMoved) this.#sendSlider(slider);
    };
    slider.addEventListener("keyup", settle, { signal });
    slider.addEventListener("blur", settle, { signal });
  }

  /** Arrow keys move by a hundredth (or one unit); what a held key passes on its way is not sent. */
  #nudge(event: KeyboardEvent, slider: HTMLInputElement): void {
    const step = keyStep(this.#hyperparameter);
    const moves: Record<string, number> = {
      ArrowRight: step,
      ArrowUp: step,
      ArrowLeft: -step,
      ArrowDown: -step,
      PageUp: 10 * step,
      PageDown: -10 * step,
      Home: -1,
      End: 1,
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.#keyHeld = true;
    this.#keyMoved = true;
    const position = Math.min(1, Math.max(0, slider.valueAsNumber + move));
    slider.valueAsNumber = position;
    this.#paintFill(position);
    this.#field.value = formatValue(valueAt(this.#hyperparameter, position));
  }

  #sendSlider(slider: HTMLInputElement): void {
    this.#keyMoved = false;
    this.#send(valueAt(this.#hyperparameter, slider.valueAsNumber));
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
    this.#local = {
      mark: { state: "refused", text: `“${text.slice(0, 24)}” is not a number` },
      seen: markKey(this.#mark),
    };
    this.#showMark();
    this.#showValue(true);
  }

  async #send(value: HyperparameterValue): Promise<void> {
    const pending: Pending = { asked: value, seen: markKey(this.#mark), answered: false };
    this.#pending = pending;
    this.#local = { mark: { state: "asked", text: `asked ${formatValue(value)} …` }, seen: pending.seen };
    this.#paint(value);
    this.#showMark();
    const answer = await this.#intents.ask({ kind: "set", key: this.#hyperparameter.key, value });
    if (this.#pending !== pending) return;
    pending.answered = true;
    if (!answer.ok) {
      this.#pending = null;
      this.#local = { mark: { state: "refused", text: answer.error }, seen: markKey(this.#mark) };
      this.#showValue(true);
    } else {
      // What was accepted stands until the pump says otherwise: going back and forth would flicker.
      this.#local = answer.text
        ? { mark: { state: "applied", text: answer.text }, seen: pending.seen }
        : null;
      if (isSettled(pending, this.#mark)) {
        this.#pending = null;
        this.#value = value;
      }
    }
    this.#showMark();
  }

  #showValue(force = false): void {
    const busy = this.#pending !== null || this.#dragging || this.#keyHeld;
    if (this.#value !== undefined && (force || !busy)) this.#paint(this.#value, force);
  }

  #paint(value: HyperparameterValue, force = true): void {
    if (typeof value === "boolean") {
      this.#field.checked = value;
      return;
    }
    if (this.#slider) {
      this.#slider.valueAsNumber = positionOf(this.#hyperparameter, value);
      this.#paintSlider(value);
    }
    // A field someone is typing in keeps its text.
    const isTyping = this.#field.getRootNode() instanceof Document && document.activeElement === this.#field;
    if (force || !isTyping) this.#field.value = formatValue(value);
    this.#field.title = String(value);
  }

  #paintSlider(value: number): void {
    this.#paintFill(positionOf(this.#hyperparameter, value));
    this.#slider?.setAttribute("aria-valuetext", formatValue(value));
  }

  #paintFill(position: number): void {
    this.#slider?.style.setProperty("--rtw-fill", `${(position * 100).toFixed(2)}%`);
  }

  #showMark(): void {
    const mark = shownMark(this.#local?.mark ?? null, this.#local?.seen ?? "", this.#mark);
    setText(this.#markLine, mark?.text ?? "");
    this.#markLine.dataset.state = mark?.state ?? "";
  }
}
