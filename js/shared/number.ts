/** Numbers as text, and text as numbers. Pure. */

import type { HyperparameterValue, MetricValue } from "../wire.ts";

/** 2140 -> "2,140": the same in every locale, so that a screenshot means the same to everyone. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/**
 * The shortest text that keeps `digits` significant digits: 0.001 -> "1e-3", 0.05 -> "0.05".
 * Sizes below `plain` are written with an exponent.
 */
export function formatCompact(value: number, digits = 4, plain = 0.01): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size >= plain && size < 1e6) return String(rounded);
  const [mantissa, exponent] = rounded.toExponential().split("e") as [string, string];
  return `${mantissa}e${Number(exponent)}`;
}

/** A hyperparameter's value as the exact field and the tables show it. */
export function formatValue(value: HyperparameterValue | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "on" : "off";
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : formatCompact(value);
}

/** A metric: "0.0933", or what Python sent for a value that is no number. */
export function formatMetric(value: MetricValue): string {
  if (typeof value === "string") return value.replace("Infinity", "∞");
  return formatCompact(value, 4, 1e-3);
}

/** A difference with its sign: "+0.008", "−0.031" (a true minus, as wide as the plus). */
export function formatDelta(value: number): string {
  const text = formatCompact(Math.abs(value), 3, 1e-4);
  if (text === "0") return "±0";
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** 3 -> "0:03", 3723 -> "1:02:03". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (part: number): string => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours === 0) return `${minutes}:${two(whole % 60)}`;
  return `${hours}:${two(minutes)}:${two(whole % 60)}`;
}

/** 412.3 -> "412 steps/s"; below one step a second the other way round, "2.5 s/step". */
export function formatRate(stepsPerSecond: number): string {
  if (stepsPerSecond <= 0) return "0 steps/s";
  if (stepsPerSecond < 1) return `${(1 / stepsPerSecond).toFixed(1)} s/step`;
  if (stepsPerSecond < 10) return `${stepsPerSecond.toFixed(1)} steps/s`;
  return `${formatCount(stepsPerSecond)} steps/s`;
}

/** 1126400 -> "1.1 MB". */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const text = unit === 0 || size >= 99.5 ? String(Math.round(size)) : String(Number(size.toFixed(1)));
  return `${text} ${units[unit]}`;
}

/**
 * A number a person typed, or null. Thousands separators are not guessed at: "1,5" means
 * two different numbers to two readers, so it is refused.
 */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim().replace(/^−/, "-").replace(/_/g, "");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return null;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : null;
}

/** A whole number a person typed, or null; here "1,000" is read too, as steps are shown. */
export function parseCount(text: string): number | null {
  const trimmed = text.trim();
  const value = parseNumber(/^\d{1,3}(,\d{3})+$/.test(trimmed) ? trimmed.replaceAll(",", "") : trimmed);
  return Number.isInteger(value) ? value : null;
}
