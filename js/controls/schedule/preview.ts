/** The small chart of the values to come in the form of a schedule. */

import { h, setAttributes, setText, svg } from "../../shared/dom.ts";
import { formatCompact, formatCount } from "../../shared/number.ts";
import type { SchedulePreview } from "../../wire_schedules.ts";
import { plotOf } from "./plot.ts";

const WIDTH = 208;
const HEIGHT = 64;
const INSET = 4;

export class Preview {
  readonly element: HTMLElement;
  readonly #line = svg("path", "rtw-preview-line");
  readonly #chart = svg("svg", "rtw-preview-chart", {
    viewBox: `${-INSET} ${-INSET} ${WIDTH + 2 * INSET} ${HEIGHT + 2 * INSET}`,
    role: "img",
  });
  readonly #ends = {
    high: h("span", "rtw-preview-high"),
    low: h("span", "rtw-preview-low"),
    first: h("span"),
    last: h("span"),
  };

  constructor() {
    this.#chart.append(this.#line);
    const { high, low, first, last } = this.#ends;
    const values = h("div", "rtw-preview-values", { "aria-hidden": "true" }, high, low);
    const steps = h("div", "rtw-preview-steps", { "aria-hidden": "true" }, first, last);
    this.element = h("div", "rtw-preview", {}, values, this.#chart, steps);
  }

  show(preview: SchedulePreview): void {
    const { path, low, high, first, last } = plotOf(preview, { width: WIDTH, height: HEIGHT });
    setAttributes(this.#line, { d: path });
    setAttributes(this.#chart, { "aria-label": `The values to come: ${preview.text}` });
    setText(this.#ends.high, formatCompact(high, 3));
    setText(this.#ends.low, low === high ? "" : formatCompact(low, 3));
    setText(this.#ends.first, `step ${formatCount(first)}`);
    setText(this.#ends.last, formatCount(last));
    this.stale = false;
  }

  /** Whether it shows what was filled in before. */
  set stale(stale: boolean) {
    this.element.classList.toggle("rtw-preview-stale", stale);
  }
}
