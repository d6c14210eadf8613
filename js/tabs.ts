/** The row of tabs above the panel on the right. Switching is the page's own business: style sheets do it. */

import { h, reconcile, setAttributes, setText } from "./shared/dom.ts";
import { defineWidget, type View } from "./shared/view.ts";

import type { Tab, TabsTraits } from "./wire_rules.ts";

/** The tab that a key leads to from the one at `at`; null for other keys. Pure. */
export function tabAfter(key: string, at: number, count: number): number | null {
  const moves: Record<string, number> = {
    ArrowRight: (at + 1) % count,
    ArrowLeft: (at + count - 1) % count,
    Home: 0,
    End: count - 1,
  };
  return moves[key] ?? null;
}

function mount({ model, root, signal, follow }: View<TabsTraits>): void {
  const elements = new Map<string, HTMLButtonElement>();
  root.setAttribute("role", "tablist");
  root.setAttribute("aria-label", "Panels");

  const choose = (name: string): void => {
    if (model.get("chosen") === name) return;
    model.set("chosen", name);
    model.save_changes();
    show();
  };
  const tabOf = ({ name, label, note }: Tab): HTMLElement => {
    let tab = elements.get(name);
    if (!tab) {
      tab = h("button", "rtw-tab", { type: "button", role: "tab", "data-tab": name });
      tab.append(h("span"), h("span", "rtw-tab-note"));
      tab.addEventListener("click", () => choose(name), { signal });
      elements.set(name, tab);
    }
    const [words, beside] = tab.children as unknown as [HTMLElement, HTMLElement];
    setText(words, label);
    setText(beside, note);
    return tab;
  };
  const show = (): void => {
    const chosen = model.get("chosen");
    for (const [name, tab] of elements) {
      setAttributes(tab, { "aria-selected": String(name === chosen), tabindex: name === chosen ? 0 : -1 });
    }
  };
  root.addEventListener(
    "keydown",
    (event) => {
      const names = [...elements.keys()];
      const next = tabAfter(event.key, names.indexOf(model.get("chosen")), names.length);
      const name = next === null ? undefined : names[next];
      if (name === undefined) return;
      choose(name);
      elements.get(name)?.focus();
      event.preventDefault();
    },
    { signal },
  );
  follow(["tabs"], () => {
    reconcile(root, model.get("tabs").map(tabOf));
    show();
  });
  follow(["chosen"], show);
}

export default defineWidget<TabsTraits>("tabs", mount);
