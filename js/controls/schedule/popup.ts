/** The button that opens the form of a hyperparameter's schedule, and the form in the browser's top layer. */

import { button, h, svg } from "../../shared/dom.ts";
import type { Intents } from "../../shared/intents.ts";
import type { Answer } from "../../wire.ts";
import type { Governed, ScheduleDraft, ScheduleIntent } from "../../wire_schedules.ts";
import { Form, nothingUnset } from "./form.ts";

const MARGIN = 4;

/** A curve that falls. */
function icon(): SVGElement {
  const picture = svg("svg", "rtw-schedule-icon", { viewBox: "0 0 14 12", "aria-hidden": "true" });
  picture.append(svg("path", "", { d: "M1 2C6 2 8 10 13 10" }));
  return picture;
}

export class SchedulePopup {
  /** Opens it. */
  readonly button: HTMLButtonElement;
  #popup: HTMLElement | null = null;
  #unset = nothingUnset();
  #governed: Governed | null = null;

  constructor(
    private readonly key: string,
    private readonly root: HTMLElement,
    private readonly intents: Intents,
    signal: AbortSignal,
  ) {
    const title = `Schedule ${key} …`;
    this.button = h("button", "rtw-schedule", { type: "button", title, "aria-label": title });
    this.button.setAttribute("aria-haspopup", "dialog");
    this.button.append(icon(), h("span", "rtw-schedule-word", { "aria-hidden": "true" }, "schedule…"));
    this.button.addEventListener("click", () => void this.#open(), { signal });
    signal.addEventListener("abort", () => this.#close());
  }

  /** Takes who governs the value now: only a schedule of ours can be removed. */
  show(governed: Governed | null): void {
    this.#governed = governed;
  }

  async #open(): Promise<void> {
    this.#close();
    const label = `Schedule of ${this.key}`;
    const popup = h("div", "rtw-menu rtw-popup", { role: "dialog", "aria-label": label, popover: "auto" });
    popup.append(h("h4", "rtw-title", {}, label), h("p", "rtw-form-help", { role: "status" }, "…"));
    this.#popup = popup;
    popup.addEventListener("toggle", (event) => {
      if ((event as ToggleEvent).newState === "closed") popup.remove();
    });
    this.root.append(popup);
    popup.showPopover();
    this.#place(popup);
    const answer = await this.intents.ask({ kind: "draft_schedule", key: this.key });
    if (this.#popup !== popup || !popup.isConnected) return;
    this.#fill(popup, label, answer);
    this.#place(popup);
  }

  #close(): void {
    const popup = this.#popup;
    this.#popup = null;
    if (popup?.isConnected) popup.hidePopover();
  }

  #fill(popup: HTMLElement, label: string, answer: Answer): void {
    const title = h("h4", "rtw-title", {}, label);
    if (!answer.ok) {
      popup.replaceChildren(
        title,
        h("p", "rtw-form-said", { role: "alert", "data-kind": "error" }, answer.error),
      );
      return;
    }
    const form = new Form(this.key, answer.found as ScheduleDraft, this.#unset, this.intents);
    const set = button("Set", { className: "rtw-primary" });
    const remove = button("Remove", { title: "No schedule: the value stays" });
    const cancel = button("Cancel");
    const ours = this.#governed?.ours ?? false;
    const buttons = h("div", "rtw-buttons", {}, set, ...(ours ? [remove] : []), cancel);
    popup.replaceChildren(title, form.element, buttons);
    // Not `disabled`, which would take the focus away.
    let isAsking = false;
    const carryOut = async (intent: ScheduleIntent): Promise<void> => {
      if (isAsking) return;
      isAsking = true;
      const reply = await this.intents.ask(intent);
      isAsking = false;
      if (!reply.ok) form.refuse(reply.error);
      else if (this.#popup === popup) {
        this.#unset = nothingUnset();
        this.#close();
      }
    };
    const submit = (): void => void carryOut({ kind: "schedule", key: this.key, form: form.filledIn });
    set.addEventListener("click", submit);
    remove.addEventListener("click", () => {
      void carryOut({ kind: "unschedule", key: this.key });
    });
    cancel.addEventListener("click", () => {
      this.#unset = nothingUnset();
      this.#close();
    });
    popup.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
        event.preventDefault();
        submit();
      }
    });
    form.focus();
  }

  /** Below its button, or where there is room. */
  #place(popup: HTMLElement): void {
    const { left, bottom, top } = this.button.getBoundingClientRect();
    const { width, height } = popup.getBoundingClientRect();
    const below = bottom + MARGIN;
    const fits = below + height <= window.innerHeight - MARGIN;
    const y = fits
      ? below
      : Math.max(MARGIN, Math.min(top - MARGIN - height, window.innerHeight - height - MARGIN));
    const x = Math.max(MARGIN, Math.min(left, window.innerWidth - width - MARGIN));
    popup.style.left = `${x}px`;
    popup.style.top = `${fits ? below : y}px`;
  }
}
