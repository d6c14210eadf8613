/** Who governs a value, in words, while a person moves it. Pure. */

import { formatCompact, formatValue } from "../shared/number.ts";
import type { Governed } from "../wire_schedules.ts";

/** The factor on a schedule in two digits, as Python writes it: "1.0", "0.50", "12", "3.2e-4". */
export function formatFactor(scale: number): string {
  const rounded = Number(scale.toPrecision(2));
  const size = Math.abs(rounded);
  return size >= 0.01 && size < 10 ? rounded.toPrecision(2) : formatCompact(rounded, 2);
}

/** What it will say if `value`, now in force, becomes `to`: as the engine does it, scaled where a factor gives it. */
export function movedText({ name, mode, scale }: Governed, value: number, to: number): string {
  const factor = (scale * to) / value;
  const isScaled = mode === "scale" && factor !== 0 && Number.isFinite(factor);
  return isScaled ? `×${formatFactor(factor)} of ${name}` : `held at ${formatValue(to)} (${name})`;
}
