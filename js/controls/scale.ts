/** Where a value stands on its slider, 0 to 1, and the value at a position. Pure. */

import type { Hyperparameter } from "../wire.ts";

export type ScaleOf = Pick<Hyperparameter, "kind" | "scale" | "low" | "high" | "zero">;

/** The part of a log slider that means exactly 0, where the hyperparameter allows it. */
export const ZERO_ZONE = 0.04;
/** Values that a slider gives have this many significant digits; the field takes any. */
const DIGITS = 2;
/** 1 − value never gets smaller than this: log10(0) has no place on a slider. */
const SMALLEST_REST = 1e-9;

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

function logBounds(of: ScaleOf): [number, number] {
  const low = of.low > 0 ? of.low : of.high * 1e-8;
  return [Math.log10(low), Math.log10(of.high)];
}

function restBounds(of: ScaleOf): [number, number] {
  return [Math.log10(Math.max(1 - of.low, SMALLEST_REST)), Math.log10(Math.max(1 - of.high, SMALLEST_REST))];
}

function fraction(value: number, from: number, to: number): number {
  return to === from ? 0 : clamp((value - from) / (to - from), 0, 1);
}

/** The position of a value; a value outside the bounds stands at the nearer end. */
export function positionOf(of: ScaleOf, value: number): number {
  if (of.scale === "linear") return fraction(value, of.low, of.high);
  if (of.scale === "one_minus_log") {
    const [from, to] = restBounds(of);
    return fraction(Math.log10(Math.max(1 - value, SMALLEST_REST)), from, to);
  }
  const [from, to] = logBounds(of);
  if (!of.zero) return value > 0 ? fraction(Math.log10(value), from, to) : 0;
  if (value <= 0) return 0;
  return ZERO_ZONE + (1 - ZERO_ZONE) * fraction(Math.log10(value), from, to);
}

/** The value at a position, rounded to what a hand can mean and never outside the bounds. */
export function valueAt(of: ScaleOf, position: number): number {
  const at = clamp(position, 0, 1);
  if (at === 1) return of.high;
  if (of.scale === "log" && of.zero) {
    if (at < ZERO_ZONE) return 0;
    return rounded(of, logValue(of, (at - ZERO_ZONE) / (1 - ZERO_ZONE)));
  }
  if (at === 0) return of.low;
  if (of.scale === "log") return rounded(of, logValue(of, at));
  if (of.scale === "one_minus_log") {
    const [from, to] = restBounds(of);
    const rest = Number((10 ** (from + (to - from) * at)).toPrecision(DIGITS));
    return clamp(Number((1 - rest).toPrecision(12)), of.low, of.high);
  }
  return rounded(of, of.low + (of.high - of.low) * at);
}

function logValue(of: ScaleOf, at: number): number {
  const [from, to] = logBounds(of);
  return 10 ** (from + (to - from) * at);
}

function rounded(of: ScaleOf, value: number): number {
  if (of.kind === "int") return clamp(Math.round(value), of.low, of.high);
  if (of.scale === "log") return clamp(Number(value.toPrecision(DIGITS)), of.low, of.high);
  const step = 10 ** (Math.floor(Math.log10(of.high - of.low)) - DIGITS);
  return clamp(Number((Math.round(value / step) * step).toPrecision(12)), of.low, of.high);
}

/** How far one press of an arrow key moves: one unit where the units are few, else a hundredth. */
export function keyStep(of: ScaleOf): number {
  if (of.kind !== "int" || of.scale !== "linear" || of.high <= of.low) return 0.01;
  return Math.max(1 / (of.high - of.low), 0.01);
}
