/** Where the points of a preview stand. Pure. */

import type { SchedulePreview } from "../../wire_schedules.ts";

export interface Frame {
  width: number;
  height: number;
}

/** The path of the values through a frame, and the two ends of each axis. */
export interface Plot {
  path: string;
  low: number;
  high: number;
  first: number;
  last: number;
}

/** A curve that is flat stands in the middle. */
export function plotOf({ steps, values, log }: SchedulePreview, { width, height }: Frame): Plot {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 1];
  const place = log ? Math.log : (value: number) => value;
  const span = place(high) - place(low);
  const x = (step: number): number => (last > first ? ((step - first) / (last - first)) * width : 0);
  const y = (value: number): number =>
    span > 0 ? height - ((place(value) - place(low)) / span) * height : height / 2;
  const points = steps.map((step, at) => `${x(step).toFixed(1)},${y(values[at] as number).toFixed(1)}`);
  return { path: `M${points.join("L")}`, low, high, first, last };
}
