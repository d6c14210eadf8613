/** What every bundle shares: the frame around a view, and its end. */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { h } from "./dom.ts";
import { Intents } from "./intents.ts";

export interface View<T extends object> {
  model: AnyModel<T>;
  root: HTMLElement;
  intents: Intents;
  /** Aborts when the view goes away; every listener hangs on it. */
  signal: AbortSignal;
  /** Calls `update` now and at each change of one of the traits, at most once a frame. */
  follow(traits: (keyof T & string)[], update: () => void): void;
}

function createView<T extends object>(name: string, model: AnyModel<T>, signal: AbortSignal): View<T> {
  // JupyterLab reads the attribute; Notebook and others see no keystroke at all.
  const root = h("div", `rtw rtw-${name}`, { "data-lm-suppress-shortcuts": "true" });
  root.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
  // Notebook takes keys before they come here, and asks the focused element first: its own shortcuts fit
  // "whatever has the focus and takes no text", which a slider, a button and the tree are.
  root.addEventListener(
    "focusin",
    ({ target }) => {
      if (target instanceof Element) target.setAttribute("data-lm-suppress-shortcuts", "true");
    },
    { signal },
  );
  const intents = new Intents(model, signal);
  const follow = (traits: (keyof T & string)[], update: () => void): void => {
    let frame = 0;
    const schedule = (): void => {
      if (frame) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        if (!signal.aborted) update();
      });
    };
    for (const trait of traits) model.on(`change:${trait}`, schedule);
    signal.addEventListener("abort", () => {
      cancelAnimationFrame(frame);
      for (const trait of traits) model.off(`change:${trait}`, schedule);
    });
    update();
  };
  return { model, root, intents, signal, follow };
}

/** The anywidget definition of a bundle: `mount` fills `view.root` and follows the model. */
export function defineWidget<T extends object>(name: string, mount: (view: View<T>) => void) {
  return {
    render({ model, el, signal }: Pick<RenderProps<T>, "model" | "el"> & { signal?: AbortSignal }) {
      // anywidget before 0.11 passes no signal and calls the returned function instead.
      const end = new AbortController();
      signal?.addEventListener("abort", () => end.abort(), { once: true });
      const view = createView(name, model, end.signal);
      mount(view);
      el.append(view.root);
      return () => {
        end.abort();
        view.root.remove();
      };
    },
  };
}
