/** Pan and zoom: which steps and lanes stand at which pixels. */

import { type ScaleLinear, scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { type D3ZoomEvent, type ZoomTransform, zoom, zoomIdentity } from "d3-zoom";
import { fittedEnd } from "./domain.ts";
import type { Frame } from "./layout.ts";
import { AXIS_HEIGHT } from "./scene.ts";

const LEFT = 30;
/** Room for the branches' names at their tips. */
const RIGHT = 150;
const TOP = 30;
const BOTTOM = 22;
const LANE_GAP = { least: 30, most: 46 };
const HEIGHT = { least: 176, most: 320 };
const DEEPEST_ZOOM = 2000;

export class Viewport {
  width = 0;
  height = HEIGHT.least;
  #lanes = 1;
  #end = 0;
  #panY = 0;
  #base: ScaleLinear<number, number> = scaleLinear([0, 1], [LEFT, LEFT + 1]);
  #transform: ZoomTransform = zoomIdentity;
  readonly #zoom = zoom<SVGSVGElement, unknown>();
  readonly #svg: SVGSVGElement;
  readonly #onChange: () => void;

  constructor(element: SVGSVGElement, onChange: () => void, signal: AbortSignal) {
    this.#svg = element;
    this.#onChange = onChange;
    this.#zoom
      .scaleExtent([1, DEEPEST_ZOOM])
      .clickDistance(4)
      .filter((event: MouseEvent | WheelEvent) => {
        // A plain wheel scrolls the notebook, unless the person has gone into the tree.
        if (event.type === "wheel")
          return event.ctrlKey || event.metaKey || document.activeElement === element;
        return !event.button && !event.ctrlKey;
      })
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.#moved(event));
    select(element).call(this.#zoom).on("dblclick.zoom", null);
    signal.addEventListener("abort", () => select(element).on(".zoom", null));
  }

  /** Fits the frame to the element's width, the number of lanes and the last step; true if it moved. */
  fitTo(width: number, lanes: number, tip: number): boolean {
    const end = fittedEnd(this.#end, tip);
    if (width === this.width && lanes === this.#lanes && end === this.#end) return false;
    const isZoomed = this.#transform.k > 1 && this.#end > 0;
    const [from, to] = isZoomed ? this.#window() : [0, end];
    this.width = width;
    this.#lanes = lanes;
    this.#end = end;
    this.height = Math.min(HEIGHT.most, Math.max(HEIGHT.least, this.#contentHeight(LANE_GAP.most)));
    this.#base = scaleLinear([0, end], [LEFT, Math.max(LEFT + 1, width - RIGHT)]);
    this.#zoom.extent([
      [0, 0],
      [width, this.height],
    ]);
    this.#zoom.translateExtent([
      [0, Number.NEGATIVE_INFINITY],
      [width, Number.POSITIVE_INFINITY],
    ]);
    this.#panY = this.#clampY(this.#panY);
    // The person's window stays on the steps they look at, whatever the fitted view does.
    if (isZoomed) this.#show(from, to);
    return true;
  }

  frame(): Frame {
    const x = this.#transform.rescaleX(this.#base);
    const gap = this.#gap();
    return { x: (step) => x(step), y: (lane) => TOP + lane * gap + this.#panY };
  }

  ticks(): { step: number; x: number }[] {
    const x = this.#transform.rescaleX(this.#base);
    return x
      .ticks(Math.max(2, Math.floor((this.width - RIGHT) / 100)))
      .filter((step) => step >= 0 && Number.isInteger(step))
      .map((step) => ({ step, x: x(step) }))
      .filter((tick) => tick.x > 12 && tick.x < this.width - 48);
  }

  zoomBy(factor: number): void {
    this.#zoom.scaleBy(select(this.#svg), factor);
  }

  fit(): void {
    this.#panY = 0;
    this.#zoom.transform(select(this.#svg), zoomIdentity);
  }

  /** Pans just as far as needed for a point to be well inside. */
  reveal(point: { x: number; y: number }): void {
    const pad = 40;
    const bottom = this.height - AXIS_HEIGHT - BOTTOM;
    const dx = Math.max(0, pad - point.x) - Math.max(0, point.x - (this.width - pad));
    const dy = Math.max(0, TOP - 6 - point.y) - Math.max(0, point.y - bottom);
    if (dx === 0 && dy === 0) return;
    this.#panY = this.#clampY(this.#panY + dy);
    this.#zoom.translateBy(select(this.#svg), dx / this.#transform.k, 0);
  }

  #moved({ transform, sourceEvent }: D3ZoomEvent<SVGSVGElement, unknown>): void {
    const isDrag = sourceEvent instanceof Event && /move$/.test(sourceEvent.type);
    if (isDrag) this.#panY = this.#clampY(this.#panY + transform.y - this.#transform.y);
    this.#transform = transform;
    this.#onChange();
  }

  #window(): [number, number] {
    const x = this.#transform.rescaleX(this.#base);
    return [x.invert(LEFT), x.invert(this.width - RIGHT)];
  }

  #show(from: number, to: number): void {
    const [start, end] = [this.#base(from), this.#base(to)];
    const k = Math.max(1, (this.width - RIGHT - LEFT) / Math.max(end - start, 1e-6));
    this.#zoom.transform(select(this.#svg), zoomIdentity.translate(LEFT - start * k, 0).scale(k));
  }

  #contentHeight(gap: number): number {
    return TOP + (this.#lanes - 1) * gap + BOTTOM + AXIS_HEIGHT;
  }

  #gap(): number {
    const room = this.height - TOP - BOTTOM - AXIS_HEIGHT;
    return Math.min(LANE_GAP.most, Math.max(LANE_GAP.least, room / Math.max(1, this.#lanes - 1)));
  }

  #clampY(panY: number): number {
    return Math.min(0, Math.max(panY, this.height - this.#contentHeight(this.#gap())));
  }
}
