/** A rule in words. Pure. */

import { formatCount } from "../shared/number.ts";
import type { Fired, Rule, RuleForm } from "../wire_rules.ts";

/** "fired 3 times, last at step 1,240"; nothing for one that has not. */
export function describeFired(fired: readonly Fired[]): string {
  const last = fired[0];
  if (last === undefined) return "not fired yet";
  if (fired.length === 1) return `fired once, at step ${formatCount(last.step)}`;
  return `fired ${formatCount(fired.length)} times, last at step ${formatCount(last.step)}`;
}

/** "lr changed by hand at step 4" as a sentence about the rule. */
export function describeSuspension(rule: Pick<Rule, "suspended">): string {
  return rule.suspended === null ? "" : `Suspended: ${rule.suspended}`;
}

/** Why a rule cannot be added a second time, or null: one without arguments would only do the same again. */
export function whyNotAgain(form: RuleForm, rules: readonly Rule[]): string | null {
  return form.arguments.length === 0 && rules.some(({ kind }) => kind === form.kind)
    ? "is there already"
    : null;
}
