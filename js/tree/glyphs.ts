/** The mark of each cause: shape and filling tell it apart without colour. Pure. */

import { type SymbolType, symbol, symbolCircle, symbolDiamond, symbolSquare, symbolStar } from "d3-shape";
import type { Cause } from "../wire.ts";

const SHAPES: Record<Cause, { type: SymbolType; area: number }> = {
  start: { type: symbolCircle, area: 110 },
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
  start: pathOf(SHAPES.start),
  change: pathOf(SHAPES.change),
  manual: pathOf(SHAPES.manual),
  interval: pathOf(SHAPES.interval),
  best: pathOf(SHAPES.best),
  policy: pathOf(SHAPES.policy),
};

export const CROSS = "M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5";
