/** The causes of a node: their names, in the order of the legend. Pure. */

import type { Cause } from "../wire.ts";

export const CAUSES: readonly Cause[] = ["start", "change", "manual", "interval", "best", "policy"];

export const CAUSE_NAMES: Record<Cause, string> = {
  start: "start",
  change: "change",
  manual: "by hand",
  interval: "interval",
  best: "best",
  policy: "rule",
};

/** The cause of one node; of a rule's, with its name: "rule Plateau". */
export function causeOf({ cause, rule }: { cause: Cause; rule: string | null }): string {
  return rule === null ? CAUSE_NAMES[cause] : `rule ${rule}`;
}
