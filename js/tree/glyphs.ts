/**
 * The mark of each cause, told apart by its shape alone: filled or hollow says where the checkpoint is. Pure.
 */

import { type SymbolType, symbol, symbolCircle, symbolDiamond, symbolSquare, symbolStar } from "d3-shape";
import type { Cause } from "../wire.ts";

const SHAPES: Record<Exclude<Cause, "start">, { type: SymbolType; area: number }> = {
  change: { type: symbolCircle, area: 105 },
  manual: { type: symbolSquare, area: 90 },
  interval: { type: symbolSquare, area: 42 },
  best: { type: symbolStar, area: 80 },
  policy: { type: symbolDiamond, area: 75 },
};

function pathOf({ type, area }: { type: SymbolType; area: number }): string {
  const path = symbol(type, area)();
  if (path === null) throw new Error("d3-shape drew to a canvas that nobody gave it");
  return path;
}

export const GLYPHS: Record<Cause, string> = {
  start: "M-4.5,-6L6.5,0L-4.5,6Z",
  change: pathOf(SHAPES.change),
  manual: pathOf(SHAPES.manual),
  interval: pathOf(SHAPES.interval),
  best: pathOf(SHAPES.best),
  policy: pathOf(SHAPES.policy),
};

export const CROSS = "M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5";

/** At a node's upper right: its state is nowhere but in memory. */
export const NOT_SAVED = {
  plate: "M0,-5.2L5.4,4.2H-5.4Z",
  sign: "M0,-1.8V1.4M0,2.7V3",
};

/** At a node's upper left: a pin with its point to the node. */
export const PIN = "M-3,-5H3L2.1,-1.4L3.4,0.6H0.5L0,5L-0.5,0.6H-3.4L-2.1,-1.4Z";
