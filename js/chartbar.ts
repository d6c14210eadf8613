/** The line above the charts: which metric, which hyperparameter, how drawn; whose line is whose. */

import { button, h, reconcile, setText } from "./shared/dom.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { ChartbarTraits, LegendEntry } from "./wire.ts";

/** While the smoothing slider moves, Python redraws this often at most. */
const SMOOTHING_INTERVAL_MS = 120;

function mount({ model, root, intents, signal, follow }: View<ChartbarTraits>): void {
  const write = <K extends keyof ChartbarTraits>(trait: K, value: ChartbarTraits[K]): void => {
    model.set(trait, value);
    model.save_changes();
  };

  const choice = (
    trait: "metric" | "hyperparameter",
    options: "metrics" | "hyperparameter_keys",
    label: string,
  ): HTMLSelectElement => {
    const select = h("select", `rtw-select rtw-select-${trait}`, { "aria-label": label, title: label });
    select.addEventListener("change", () => write(trait, select.value), { signal });
    follow([trait, options], () => {
      const names = model.get(options);
      const known = new Map([...select.options].map((option) => [option.value, option]));
      reconcile(
        select,
        names.map((name) => known.get(name) ?? h("option", "", { value: name }, name)),
      );
      const value = model.get(trait);
      if (select.value !== value) select.value = value;
    });
    return select;
  };

  const legend = h("div", "rtw-legend", { role: "list", "aria-label": "Branches" });
  const logY = h("input", "rtw-checkbox", { type: "checkbox" });
  const smoothing = h("input", "rtw-slider rtw-smoothing", {
    type: "range",
    min: 0,
    max: 0.99,
    step: 0.01,
    "aria-label": "Smoothing",
  });
  const smoothingText = h("output", "rtw-number");
  const gradient = h("input", "rtw-checkbox", { type: "checkbox" });
  const gradientOption = h("label", "rtw-option", {
    title: "A strip with the gradient’s norm, and the limit that clips it",
  });
  gradientOption.append(gradient, "grad norm");
  const reset = button("Reset zoom", { className: "rtw-small" });
  const readout = h("div", "rtw-readout", { role: "status" });
  const choices = h("div", "rtw-choices");
  choices.append(
    choice("metric", "metrics", "Metric"),
    choice("hyperparameter", "hyperparameter_keys", "Hyperparameter below the metric"),
  );
  const options = h("div", "rtw-options");
  options.append(
    gradientOption,
    h("label", "rtw-option", { title: "Logarithmic y axis" }, logY, "log"),
    h(
      "label",
      "rtw-option",
      { title: "The raw line stays behind the smoothed one" },
      h("span", "rtw-option-word", {}, "smooth"),
      smoothing,
      smoothingText,
    ),
    reset,
  );
  root.append(h("div", "rtw-chartbar-line", {}, choices, options), legend, readout);

  logY.addEventListener("change", () => write("log_y", logY.checked), { signal });
  reset.addEventListener("click", () => void intents.ask({ kind: "reset_zoom" }), { signal });
  gradient.addEventListener("change", () => write("gradient", gradient.checked), { signal });
  follow(["gradient", "has_gradient"], () => {
    gradient.checked = model.get("gradient");
    gradientOption.hidden = !model.get("has_gradient");
  });
  follow(["log_y"], () => {
    logY.checked = model.get("log_y");
  });

  let timer: ReturnType<typeof setTimeout> | null = null;
  const paintSmoothing = (value: number): void => {
    setText(smoothingText, value === 0 ? "off" : value.toFixed(2));
    smoothing.style.setProperty("--rtw-fill", `${(value / 0.99) * 100}%`);
  };
  smoothing.addEventListener(
    "input",
    () => {
      paintSmoothing(smoothing.valueAsNumber);
      timer ??= setTimeout(() => {
        timer = null;
        write("smoothing", smoothing.valueAsNumber);
      }, SMOOTHING_INTERVAL_MS);
    },
    { signal },
  );
  signal.addEventListener("abort", () => {
    if (timer) clearTimeout(timer);
  });
  follow(["smoothing"], () => {
    if (timer) return;
    smoothing.valueAsNumber = model.get("smoothing");
    paintSmoothing(smoothing.valueAsNumber);
  });

  const chips = new Map<string, HTMLElement>();
  const chipOf = ({ id, name, colour, head }: LegendEntry): HTMLElement => {
    const chip = chips.get(id) ?? h("span", "rtw-chip", { role: "listitem" }, h("i", "rtw-dot"), h("span"));
    chips.set(id, chip);
    chip.classList.toggle("rtw-chip-head", head);
    chip.title = head ? `${name} (in training)` : name;
    const [dot, text] = chip.children as unknown as [HTMLElement, HTMLElement];
    dot.style.backgroundColor = colour;
    setText(text, name);
    return chip;
  };
  follow(["legend"], () => {
    const entries = model.get("legend");
    reconcile(legend, entries.map(chipOf));
    const ids = new Set(entries.map(({ id }) => id));
    for (const id of chips.keys()) if (!ids.has(id)) chips.delete(id);
  });
  // The room that the longest text so far has needed stays, so that no digit more moves the charts.
  let longest = 0;
  const keepRoom = (): void => {
    readout.style.minHeight = `${readout.offsetHeight}px`;
  };
  follow(["readout"], () => {
    const text = model.get("readout");
    setText(readout, text);
    if (text.length > longest) keepRoom();
    longest = Math.max(longest, text.length);
  });
  let width = 0;
  const resize = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    readout.style.minHeight = "";
    keepRoom();
  });
  resize.observe(root);
  signal.addEventListener("abort", () => resize.disconnect());
}

export default defineWidget<ChartbarTraits>("chartbar", mount);
