/** A slider in a person's hand: what it tells while it moves, and once when it is let go. */

import { h } from "../shared/dom.ts";
import { formatValue } from "../shared/number.ts";
import type { Hyperparameter } from "../wire.ts";
import { keyStep, positionOf, valueAt } from "./scale.ts";

export interface SliderHandlers {
  /** It moves; nothing is asked yet. */
  moved(value: number): void;
  /** It was let go elsewhere. */
  chosen(value: number): void;
  /** It was let go where it was. */
  released(): void;
}

export class Slider {
  readonly element: HTMLInputElement;
  readonly #hyperparameter: Hyperparameter;
  readonly #handlers: SliderHandlers;
  #dragging = false;
  #keyHeld = false;
  #keyMoved = false;

  constructor(
    hyperparameter: Hyperparameter,
    attributes: Record<string, string>,
    handlers: SliderHandlers,
    signal: AbortSignal,
  ) {
    this.#hyperparameter = hyperparameter;
    this.#handlers = handlers;
    this.element = h("input", "rtw-slider", { type: "range", min: 0, max: 1, step: "any", ...attributes });
    this.#listen(signal);
  }

  /** Whether a hand or a key is on it. */
  get isHeld(): boolean {
    return this.#dragging || this.#keyHeld;
  }

  paint(value: number): void {
    this.element.valueAsNumber = positionOf(this.#hyperparameter, value);
    this.#paintAround(value);
  }

  #paintAround(value: number): void {
    this.#paintFill(positionOf(this.#hyperparameter, value));
    this.element.setAttribute("aria-valuetext", formatValue(value));
  }

  #paintFill(position: number): void {
    this.element.style.setProperty("--rtw-fill", `${(position * 100).toFixed(2)}%`);
  }

  #listen(signal: AbortSignal): void {
    const slider = this.element;
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
        this.#handlers.released();
      });
    };
    document.addEventListener("pointerup", release, { signal });
    document.addEventListener("pointercancel", release, { signal });
    slider.addEventListener(
      "input",
      () => {
        const value = valueAt(this.#hyperparameter, slider.valueAsNumber);
        this.#paintAround(value);
        this.#handlers.moved(value);
      },
      { signal },
    );
    slider.addEventListener(
      "change",
      () => {
        this.#dragging = false;
        this.#choose();
      },
      { signal },
    );
    slider.addEventListener("keydown", (event) => this.#nudge(event), { signal });
    const settle = (): void => {
      this.#keyHeld = false;
      if (this.#keyMoved) this.#choose();
    };
    slider.addEventListener("keyup", settle, { signal });
    slider.addEventListener("blur", settle, { signal });
  }

  /** Arrow keys move by a hundredth (or one unit); what a held key passes on its way is not sent. */
  #nudge(event: KeyboardEvent): void {
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
    const position = Math.min(1, Math.max(0, this.element.valueAsNumber + move));
    this.element.valueAsNumber = position;
    this.#paintFill(position);
    this.#handlers.moved(valueAt(this.#hyperparameter, position));
  }

  #choose(): void {
    this.#keyMoved = false;
    this.#handlers.chosen(valueAt(this.#hyperparameter, this.element.valueAsNumber));
  }
}
