/** The controls: per group, a slider and an exact field for each hyperparameter. */

import { Group } from "./controls/group.ts";
import { Row } from "./controls/row.ts";
import { RuledLines } from "./controls/ruled.ts";
import { h, reconcile } from "./shared/dom.ts";
import { Feedback } from "./shared/feedback.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { ControlsTraits, Hyperparameter } from "./wire.ts";

interface Entry {
  row: Row;
  hyperparameter: Hyperparameter;
  /** The description as JSON: a row is rebuilt only when its hyperparameter is another one. */
  described: string;
  end: AbortController;
}

function mount({ model, root, intents, signal, follow }: View<ControlsTraits>): void {
  const entries = new Map<string, Entry>();
  const groups = new Map<string, Group>();
  const feedback = new Feedback();
  const ruledLines = new RuledLines(
    (intent) => void feedback.follow(intent.kind.replace("_", " "), intents.ask(intent)),
  );
  const empty = h("p", "rtw-empty", {}, "No hyperparameters found.");

  const entryOf = (hyperparameter: Hyperparameter): Entry => {
    const described = JSON.stringify(hyperparameter);
    const old = entries.get(hyperparameter.key);
    if (old?.described === described) return old;
    old?.end.abort();
    const end = new AbortController();
    const row = new Row(hyperparameter, intents, AbortSignal.any([signal, end.signal]));
    const entry = { row, hyperparameter, described, end };
    entries.set(hyperparameter.key, entry);
    return entry;
  };

  const groupOf = (name: string): Group => {
    const group = groups.get(name) ?? new Group(name, signal);
    groups.set(name, group);
    return group;
  };

  const arrange = (): void => {
    const hyperparameters = model.get("hyperparameters");
    const members = new Map<string, Entry[]>();
    for (const hyperparameter of hyperparameters) {
      const { group } = hyperparameter;
      members.set(group, [...(members.get(group) ?? []), entryOf(hyperparameter)]);
    }
    for (const name of groups.keys()) if (!members.has(name)) groups.delete(name);
    const wanted = [...members].map(([name, rows]) => {
      const group = groupOf(name);
      group.arrange(rows);
      return group.element;
    });
    const keys = new Set(hyperparameters.map(({ key }) => key));
    for (const [key, entry] of entries) {
      if (keys.has(key)) continue;
      entry.end.abort();
      entries.delete(key);
    }
    reconcile(root, [...(wanted.length > 0 ? wanted : [empty]), feedback.element]);
    ruledLines.keep(new Set([...entries.values()].map(({ row }) => row.element)));
    fill();
  };

  const fill = (): void => {
    const values = model.get("values");
    const marks = model.get("marks");
    const ruled = model.get("ruled");
    const governed = model.get("governed");
    const notes = model.get("notes");
    for (const [key, { row }] of entries) {
      row.update(values[key], marks[key], governed[key] ?? null, notes[key] ?? "");
      ruledLines.update(row.element, ruled[key] ?? []);
    }
    for (const group of groups.values()) group.reveal();
  };

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Hyperparameters");
  follow(["hyperparameters"], arrange);
  follow(["values", "marks", "ruled", "governed", "notes"], fill);
}

export default defineWidget<ControlsTraits>("controls", mount);
