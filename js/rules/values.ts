/** What the fields of a form hold, as the arguments of a rule. Pure. */

import { parseCount, parseNumber } from "../shared/number.ts";
import type { RuleArgument, RuleArguments, RuleForm } from "../wire_rules.ts";

/** What there is to choose from. */
export interface Offers {
  metrics: readonly string[];
  keys: readonly string[];
}

/** The names that a field offers; its default too, where the run has not got it (yet). Null: it is typed. */
export function optionsOf(argument: RuleArgument, offers: Offers): string[] | null {
  if (argument.kind === "choice") return [...argument.choices];
  if (argument.kind === "number" || argument.kind === "whole") return null;
  const names = argument.kind === "metric" ? offers.metrics : offers.keys;
  const { default: usual } = argument;
  return typeof usual === "string" && !names.includes(usual) ? [usual, ...names] : [...names];
}

/** What a field holds at first. A metric without a default: what was measured apart from training, the loss first. */
export function firstValue(argument: RuleArgument, offers: Offers): string {
  if (argument.default !== null) return String(argument.default);
  if (argument.optional) return "";
  const options = optionsOf(argument, offers) ?? [];
  if (argument.kind !== "metric") return options[0] ?? "";
  const apart = options.filter((name) => !name.startsWith("train/"));
  return apart.find((name) => name.endsWith("loss")) ?? apart[0] ?? options[0] ?? "";
}

/** The arguments, or what is wrong with a field. Python looks at all of it once more. */
export function argumentsOf(
  form: RuleForm,
  texts: Readonly<Record<string, string>>,
): { values: RuleArguments } | { field: string; error: string } {
  const values: RuleArguments = {};
  for (const argument of form.arguments) {
    const { name, kind } = argument;
    const text = (texts[name] ?? "").trim();
    if (text === "") {
      if (!argument.optional && argument.default === null)
        return { field: name, error: `${label(name)} is missing` };
      values[name] = null;
      continue;
    }
    if (kind !== "number" && kind !== "whole") {
      values[name] = text;
      continue;
    }
    const number = kind === "whole" ? parseCount(text) : parseNumber(text);
    if (number === null) {
      const wanted = kind === "whole" ? "a whole number" : "a number";
      return { field: name, error: `${label(name)} must be ${wanted}, not “${text.slice(0, 24)}”` };
    }
    values[name] = number;
  }
  return { values };
}

/** "min_delta" -> "min delta" */
export function label(name: string): string {
  return name.replaceAll("_", " ");
}
