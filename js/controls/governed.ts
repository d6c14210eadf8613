/** The line below the slider of a value that a schedule governs: what it does, and hold and release. */

import { h, setText } from "../shared/dom.ts";
import type { Governed } from "../wire_schedules.ts";

export type Hold = "hold" | "release";

const TITLES: Record<Hold, string> = {
  hold: "Keep the value in force, whatever the schedule says",
  release: "The schedule's own value again, neither held nor scaled",
};

export class GovernedLine {
  readonly element = h("div", "rtw-governed", { hidden: true });
  readonly #text = h("span", "rtw-governed-text");
  readonly #buttons: Record<Hold, HTMLElement>;
  #governed: Governed | null = null;

  /** @param ask called with what the person presses */
  constructor(key: string, ask: (what: Hold) => void, signal: AbortSignal) {
    const button = (what: Hold): HTMLElement => {
      const element = h("button", "rtw-link", {
        type: "button",
        title: TITLES[what],
        "aria-label": `${what} ${key}`,
      });
      element.append(what);
      element.addEventListener("click", () => ask(what), { signal });
      return h("span", "rtw-governed-action", {}, " · ", element);
    };
    this.#buttons = { hold: button("hold"), release: button("release") };
    this.element.append(this.#text, this.#buttons.hold, this.#buttons.release);
  }

  show(governed: Governed | null): void {
    this.#governed = governed;
    this.element.hidden = governed === null;
    if (governed === null) return;
    const { mode, scale, text, title } = governed;
    setText(this.#text, text);
    this.#text.title = title;
    this.#buttons.hold.hidden = mode === "hold";
    this.#buttons.release.hidden = mode === "scale" && scale === 1;
  }

  /** Other words while the value is being moved; null: as Python says. */
  say(words: string | null): void {
    if (this.#governed === null) return;
    setText(this.#text, words === null ? this.#governed.text : `→ ${words}`);
  }
}
