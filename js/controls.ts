/** The controls: per group, a slider and an exact field for each hyperparameter. */

import { Row } from "./controls/row.ts";
import { h, reconcile } from "./shared/dom.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { ControlsTraits, Hyperparameter } from "./wire.ts";

interface Entry {
  row: Row;
  /** The description as JSON: a row is rebuilt only when its hyperparameter is another one. */
  described: string;
  end: AbortController;
}

function mount({ model, root, intents, signal, follow }: View<ControlsTraits>): void {
  const entries = new Map<string, Entry>();
  const headings = new Map<string, HTMLElement>();
  const empty = h("p", "rtw-empty", {}, "No hyperparameters found.");

  const entryOf = (hyperparameter: Hyperparameter): Entry => {
    const described = JSON.stringify(hyperparameter);
    const old = entries.get(hyperparameter.key);
    if (old?.described === described) return old;
    old?.end.abort();
    const end = new AbortController();
    const row = new Row(hyperparameter, intents, AbortSignal.any([signal, end.signal]));
    const entry = { row, described, end };
    entries.set(hyperparameter.key, entry);
    return entry;
  };

  const headingOf = (group: string): HTMLElement => {
    const heading = headings.get(group) ?? h("h3", "rtw-group", {}, group);
    headings.set(group, heading);
    return heading;
  };

  const arrange = (): void => {
    const hyperparameters = model.get("hyperparameters");
    const groups = new Map<string, HTMLElement[]>();
    for (const hyperparameter of hyperparameters) {
      const { group } = hyperparameter;
      const members = groups.get(group) ?? [headingOf(group)];
      members.push(entryOf(hyperparameter).row.element);
      groups.set(group, members);
    }
    const wanted = [...groups.values()].flat();
    const keys = new Set(hyperparameters.map(({ key }) => key));
    for (const [key, entry] of entries) {
      if (keys.has(key)) continue;
      entry.end.abort();
      entries.delete(key);
    }
    reconcile(root, wanted.length > 0 ? wanted : [empty]);
    fill();
  };

  const fill = (): void => {
    const values = model.get("values");
    const marks = model.get("marks");
    for (const [key, { row }] of entries) row.update(values[key], marks[key]);
  };

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Hyperparameters");
  follow(["hyperparameters"], arrange);
  follow(["values", "marks"], fill);
}

export default defineWidget<ControlsTraits>("controls", mount);
