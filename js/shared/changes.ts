/** A change in words. Pure. */

import type { Change } from "../wire.ts";
import { formatValue } from "./number.ts";

/** "1e-3 → 3e-3"; "~ cosine(1e-3 → 1e-5, 3000)"; where the value itself moved too, "1e-3 → 5e-4, ×0.5 of cosine". */
export function changedTo({ old, new: next, governed }: Change): string {
  const values = `${formatValue(old)} → ${formatValue(next)}`;
  if (governed === null) return values;
  const words = governed.includes("(") ? `~ ${governed}` : governed;
  return old === next ? words : `${values}, ${words}`;
}

/** "lr 1e-3 → 3e-3" */
export function describeChange(change: Change): string {
  return `${change.key} ${changedTo(change)}`;
}
