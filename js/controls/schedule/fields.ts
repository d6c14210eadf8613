/** The fields of one schedule: built from what Python says of its arguments. */

import { h } from "../../shared/dom.ts";
import type { Entry, ScheduleField } from "../../wire_schedules.ts";

/** The numbers of the page's fields; an id must be unique among all views on it. */
let fieldCount = 0;

export type Entries = Record<string, Entry>;

export class Fields {
  readonly element = h("div", "rtw-form-fields");
  readonly #inputs = new Map<string, HTMLInputElement>();
  readonly #touched = new Set<string>();

  /**
   * @param typed what the person filled in before, which goes before Python's defaults
   * @param of a word before each label, for whoever does not see where the field stands
   */
  constructor(fields: readonly ScheduleField[], typed: Entries, of = "") {
    for (const field of fields) {
      const { name, label, kind, help } = field;
      const entry = typed[name] ?? field.entry;
      fieldCount += 1;
      const id = `rtw-field-${fieldCount}`;
      const isSwitch = kind === "switch";
      const input = isSwitch
        ? h("input", "rtw-checkbox", { id, type: "checkbox", title: help })
        : h("input", `rtw-field rtw-form-${kind}`, {
            id,
            type: "text",
            inputmode: kind === "points" ? "text" : "decimal",
            autocomplete: "off",
            spellcheck: "false",
            title: help,
          });
      if (isSwitch) input.checked = entry === true;
      else input.value = String(entry);
      if (of) input.setAttribute("aria-label", `${of} ${label}`);
      input.addEventListener("input", () => this.#touched.add(name));
      this.#inputs.set(name, input);
      this.element.append(h("label", "rtw-form-label", { for: id, title: help }, label), input);
    }
  }

  get entries(): Entries {
    const entry = (input: HTMLInputElement): Entry =>
      input.type === "checkbox" ? input.checked : input.value;
    return Object.fromEntries([...this.#inputs].map(([name, input]) => [name, entry(input)]));
  }

  /** What the person filled in; the rest are Python's defaults, which are others the next time. */
  get typed(): Entries {
    return Object.fromEntries(Object.entries(this.entries).filter(([name]) => this.#touched.has(name)));
  }
}
