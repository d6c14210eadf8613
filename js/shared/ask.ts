/** Questions to the person, asked in place: no window.prompt, no window.confirm. */

import { button, h } from "./dom.ts";

interface Question {
  /** What stands before the field, or the question itself. */
  label: string;
  /** The verb on the button. */
  action: string;
  /** A text field with this value; without it, a plain yes or no. */
  value?: string;
  placeholder?: string;
  danger?: boolean;
}

/** A place where one question at a time can stand; while it does, `data-asking` is set on the place. */
export class AskSlot {
  readonly element: HTMLElement;
  #close: (() => void) | null = null;

  constructor(element: HTMLElement = h("div", "rtw-ask-slot")) {
    this.element = element;
  }

  /** Withdraws the question that stands, as Escape does. */
  close(): void {
    this.#close?.();
  }

  /** The text of the field ("" for a plain question), or null when the person withdrew. */
  ask(question: Question): Promise<string | null> {
    this.close();
    const previous = document.activeElement;
    const field =
      question.value === undefined
        ? null
        : h("input", "rtw-field", { type: "text", "aria-label": question.label, maxlength: 200 });
    if (field) {
      field.value = question.value ?? "";
      field.placeholder = question.placeholder ?? "";
    }
    const yes = button(question.action, { className: question.danger ? "rtw-danger" : "rtw-primary" });
    const no = button("Cancel");
    const form = h("div", "rtw-ask", { role: "group", "aria-label": field ? null : question.label });
    form.append(h("span", "rtw-ask-label", {}, question.label), ...(field ? [field] : []), yes, no);
    this.element.append(form);
    this.element.dataset.asking = "";
    return new Promise((resolve) => {
      const finish = (result: string | null): void => {
        this.#close = null;
        const hadFocus = form.contains(document.activeElement);
        form.remove();
        delete this.element.dataset.asking;
        if (hadFocus && (previous instanceof HTMLElement || previous instanceof SVGElement)) {
          previous.focus({ preventScroll: true });
        }
        resolve(result);
      };
      this.#close = () => finish(null);
      yes.addEventListener("click", () => finish(field?.value.trim() ?? ""));
      no.addEventListener("click", () => finish(null));
      form.addEventListener("keydown", (event) => {
        if (event.key === "Escape") finish(null);
        else if (event.key === "Enter" && event.target === field) finish(field?.value.trim() ?? "");
        else return;
        event.preventDefault();
      });
      (field ?? yes).focus({ preventScroll: true });
      field?.select();
    });
  }
}
