/** The status in words. Pure. */

import { formatCount, formatDuration, formatRate } from "../shared/number.ts";
import type { Status } from "../wire.ts";

export interface Progress {
  step: string;
  /** The characters that the step will need at the end, so that what follows it need not move. */
  stepRoom: number;
  of: string;
  epoch: string;
  pace: string;
  /** 0 to 1, or null where the planned length is not known. */
  fraction: number | null;
}

export function primaryAction(status: Status["status"]): {
  kind: "start" | "pause";
  label: string;
  icon: string;
} {
  if (status === "running") return { kind: "pause", label: "Pause", icon: "❚❚" };
  return { kind: "start", label: status === "ready" ? "Start" : "Resume", icon: "▶" };
}

export function describeProgress(status: Status): Progress {
  const { step, epoch, total_steps: total, steps_per_second: rate, eta_seconds: eta } = status;
  const pace: string[] = [];
  if (rate !== null) pace.push(formatRate(rate));
  if (eta !== null) pace.push(`${formatDuration(eta)} left`);
  return {
    step: formatCount(step),
    stepRoom: formatCount(Math.max(step, total ?? 0)).length,
    of: total === null ? "" : ` of ${formatCount(total)}`,
    epoch: formatCount(epoch),
    pace: pace.join(" · "),
    fraction: total === null || total <= 0 ? null : Math.min(1, step / total),
  };
}
