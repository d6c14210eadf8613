/** The form of a schedule: which kind, its fields, a warm-up in front, and the values that it would give. */

import { h, setText } from "../../shared/dom.ts";
import type { Intents } from "../../shared/intents.ts";
import type { ScheduleDraft, ScheduleForm, SchedulePreview } from "../../wire_schedules.ts";
import { type Entries, Fields } from "./fields.ts";
import { Preview } from "./preview.ts";

/** What a person filled in and did not set: kept while the page is open, also where the form was closed. */
export interface Unset {
  kind: string | null;
  warmsUp: boolean | null;
  entries: Map<string, Entries>;
  warmup: Entries;
}

export function nothingUnset(): Unset {
  return { kind: null, warmsUp: null, entries: new Map(), warmup: {} };
}

export class Form {
  readonly element = h("div", "rtw-form");
  readonly #choice = h("select", "rtw-select rtw-form-kind", { "aria-label": "Schedule" });
  readonly #help = h("p", "rtw-form-help");
  readonly #place = h("div");
  readonly #warms = h("input", "rtw-checkbox", { type: "checkbox" });
  readonly #warmup: Fields;
  readonly #preview = new Preview();
  readonly #said = h("p", "rtw-form-said", { role: "status" });
  #fields: Fields;
  #isAsking = false;
  #isChanged = false;

  constructor(
    private readonly key: string,
    private readonly draft: ScheduleDraft,
    private readonly unset: Unset,
    private readonly intents: Intents,
  ) {
    for (const { kind } of draft.kinds) {
      this.#choice.append(h("option", "", { value: kind }, kind.replaceAll("_", " ")));
    }
    this.#choice.value = unset.kind ?? draft.kind;
    this.#warms.checked = unset.warmsUp ?? draft.warms_up;
    this.#warmup = new Fields(draft.warmup, unset.warmup, "warm-up");
    this.#fields = this.#build();
    const warms = h("label", "rtw-form-switch", {}, this.#warms, "warm up first");
    this.element.append(this.#choice, this.#help, this.#place, warms, this.#warmup.element);
    this.element.append(this.#preview.element, this.#said);
    // Before the form hears of it.
    this.#choice.addEventListener("input", () => {
      this.#fields = this.#build();
    });
    this.element.addEventListener("input", () => this.#edited());
    this.#arrange();
    void this.#look();
  }

  focus(): void {
    this.#choice.focus({ preventScroll: true });
  }

  get filledIn(): ScheduleForm {
    const warmup = this.#warms.checked ? this.#warmup.entries : null;
    return { kind: this.#choice.value, entries: this.#fields.entries, warmup };
  }

  /** Says why it was refused. */
  refuse(error: string): void {
    setText(this.#said, error);
    this.#said.dataset.kind = "error";
    this.#preview.stale = true;
  }

  #build(): Fields {
    const kind = this.draft.kinds.find(({ kind }) => kind === this.#choice.value);
    // Names of arguments stand in backticks.
    const parts = (kind?.help ?? "").split("`");
    this.#help.replaceChildren(...parts.map((part, at) => (at % 2 === 1 ? h("code", "", {}, part) : part)));
    const fields = new Fields(kind?.fields ?? [], this.unset.entries.get(this.#choice.value) ?? {});
    this.#place.replaceChildren(fields.element);
    return fields;
  }

  #arrange(): void {
    this.#warmup.element.hidden = !this.#warms.checked;
  }

  #edited(): void {
    const kind = this.#choice.value;
    this.unset.kind = kind;
    this.unset.warmsUp = this.#warms.checked;
    this.unset.entries.set(kind, { ...this.unset.entries.get(kind), ...this.#fields.typed });
    this.unset.warmup = { ...this.unset.warmup, ...this.#warmup.typed };
    this.#arrange();
    void this.#look();
  }

  /** Asks for the values to come: one question at a time, and again if something was changed meanwhile. */
  async #look(): Promise<void> {
    this.#isChanged = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#isChanged) {
      this.#isChanged = false;
      const intent = { kind: "preview_schedule", key: this.key, form: this.filledIn } as const;
      const answer = await this.intents.ask(intent);
      if (this.#isChanged) continue;
      if (!answer.ok) {
        this.refuse(answer.error);
        continue;
      }
      const preview = answer.found as SchedulePreview;
      this.#preview.show(preview);
      setText(this.#said, preview.text);
      this.#said.dataset.kind = "plain";
    }
    this.#isAsking = false;
  }
}
