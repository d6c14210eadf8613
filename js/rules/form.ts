/** The form of a new rule: its arguments with their defaults and help; try it out, add it. */

import { button, h, setText } from "../shared/dom.ts";
import type { RuleArgument, RuleArguments, RuleForm } from "../wire_rules.ts";
import { argumentsOf, firstValue, label, type Offers, optionsOf } from "./values.ts";

type Field = HTMLInputElement | HTMLSelectElement;

export interface FormActions {
  /** Resolves with what was wrong, or null. */
  tryOut(rule: string, values: RuleArguments): Promise<string | null>;
  add(rule: string, values: RuleArguments): Promise<string | null>;
  cancel(): void;
}

/** Ids must be unique among all forms on a page. */
let fieldCount = 0;

function fieldOf(argument: RuleArgument, offers: Offers): Field {
  const options = optionsOf(argument, offers);
  const value = firstValue(argument, offers);
  fieldCount += 1;
  const id = `rtw-rule-${fieldCount}`;
  const described = { id, name: argument.name, "aria-describedby": `${id}-help` };
  if (options === null) {
    const field = h("input", "rtw-field", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      ...described,
    });
    field.placeholder = argument.optional ? "none" : "";
    field.value = value;
    return field;
  }
  const field = h("select", "rtw-field", described);
  if (argument.optional) {
    const words = argument.kind === "choice" ? "by its name" : "none";
    field.append(h("option", "", { value: "" }, words));
  }
  field.append(...options.map((name) => h("option", "", { value: name }, name)));
  field.value = value;
  return field;
}

export class AddForm {
  readonly element = h("form", "rtw-form", { novalidate: true });
  readonly #fields = new Map<string, Field>();
  readonly #help = h("p", "rtw-form-help", { "aria-hidden": "true" });
  readonly #error = h("p", "rtw-bad rtw-form-error", { role: "alert", hidden: true });
  readonly #buttons: HTMLButtonElement[];

  constructor(
    private readonly form: RuleForm,
    offers: Offers,
    actions: FormActions,
  ) {
    const tryOut = button("Where would it have fired?", {
      title: "Try it out on what is recorded; nothing is done",
    });
    const add = button("Add", { className: "rtw-primary", title: "Let it act from the next step on" });
    const cancel = button("Cancel");
    add.type = "submit";
    this.#buttons = [tryOut, add];
    this.element.setAttribute("aria-label", `New rule ${form.kind}`);
    this.element.append(
      h("h4", "rtw-card-name", {}, form.kind),
      h("p", "rtw-faint", {}, form.summary),
      ...form.arguments.map((argument) => this.#row(argument, offers)),
      this.#help,
      this.#error,
      h("div", "rtw-buttons", {}, tryOut),
      h("div", "rtw-buttons", {}, add, cancel),
    );
    tryOut.addEventListener("click", () => void this.#send((values) => actions.tryOut(form.kind, values)));
    cancel.addEventListener("click", () => actions.cancel());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send((values) => actions.add(form.kind, values));
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") actions.cancel();
    });
  }

  focus(): void {
    const [first] = this.#fields.values();
    (first ?? this.#buttons[1])?.focus();
  }

  #row(argument: RuleArgument, offers: Offers): HTMLElement {
    const field = fieldOf(argument, offers);
    this.#fields.set(argument.name, field);
    const name = h("label", "rtw-form-label", { for: field.id, title: argument.help }, label(argument.name));
    // Read out with the field; seen below the fields.
    const help = h("span", "", { id: `${field.id}-help`, "data-help": true }, argument.help);
    field.addEventListener("focus", () => setText(this.#help, `${label(argument.name)}: ${argument.help}`));
    return h("div", "rtw-form-row", {}, name, field, help);
  }

  async #send(send: (values: RuleArguments) => Promise<string | null>): Promise<void> {
    const texts = Object.fromEntries([...this.#fields].map(([name, field]) => [name, field.value]));
    const read = argumentsOf(this.form, texts);
    if ("error" in read) {
      this.#showError(read.error);
      this.#fields.get(read.field)?.focus();
      return;
    }
    for (const element of this.#buttons) element.disabled = true;
    const wrong = await send(read.values);
    for (const element of this.#buttons) element.disabled = false;
    this.#showError(wrong);
  }

  #showError(text: string | null): void {
    setText(this.#error, text ?? "");
    this.#error.hidden = text === null;
  }
}
