import { describe, expect, it } from "vitest";
import { describeRuled } from "../controls/ruled.ts";
import { argumentsOf, firstValue, optionsOf } from "../rules/values.ts";
import { describeFired, describeSuspension, whyNotAgain } from "../rules/words.ts";
import { tabAfter } from "../tabs.ts";
import { waysOf } from "../toolbar/incident.ts";
import { nodeLabel, nodeTitle } from "../tree/describe.ts";
import type { RuleArgument, RuleForm } from "../wire_rules.ts";
import { node } from "./tree_samples.ts";

function argument(name: string, fields: Partial<RuleArgument> = {}): RuleArgument {
  const plain = { required: false, optional: false, default: null, choices: [], help: "" };
  return { name, kind: "number", ...plain, ...fields };
}

const METRIC = argument("metric", { kind: "metric", required: true });
const PLATEAU: RuleForm = {
  kind: "Plateau",
  summary: "",
  arguments: [
    METRIC,
    argument("patience", { kind: "whole", default: 3 }),
    argument("min_delta", { default: 0 }),
    argument("floor", { optional: true }),
  ],
};
const OFFERS = { metrics: ["train/loss", "val/accuracy", "val/loss"], keys: ["lr", "dropout"] };

describe("a form", () => {
  it("offers the run's own names, and its default too where the run has not got it", () => {
    expect(optionsOf(METRIC, OFFERS)).toEqual(OFFERS.metrics);
    expect(optionsOf(argument("key", { kind: "hyperparameter", default: "weight_decay" }), OFFERS)).toEqual([
      "weight_decay",
      "lr",
      "dropout",
    ]);
    expect(optionsOf(argument("mode", { kind: "choice", choices: ["min", "max"] }), OFFERS)).toEqual([
      "min",
      "max",
    ]);
    expect(optionsOf(argument("factor"), OFFERS)).toBeNull();
  });

  it("begins with the default, nothing, or the loss that was measured apart from training", () => {
    expect(firstValue(METRIC, OFFERS)).toBe("val/loss");
    expect(firstValue(METRIC, { ...OFFERS, metrics: ["train/loss", "val/f1"] })).toBe("val/f1");
    expect(firstValue(METRIC, { ...OFFERS, metrics: ["train/loss"] })).toBe("train/loss");
    expect(firstValue(argument("patience", { default: 3 }), OFFERS)).toBe("3");
    expect(firstValue(argument("metric", { kind: "metric", optional: true }), OFFERS)).toBe("");
  });

  it("gives numbers as numbers and what is empty as nothing", () => {
    const texts = { metric: "val/loss", patience: "2", min_delta: "1e-3", floor: " " };
    expect(argumentsOf(PLATEAU, texts)).toEqual({
      values: { metric: "val/loss", patience: 2, min_delta: 1e-3, floor: null },
    });
    expect(argumentsOf(PLATEAU, { metric: "val/loss" })).toEqual({
      values: { metric: "val/loss", patience: null, min_delta: null, floor: null },
    });
  });

  it("says what is wrong with which field", () => {
    expect(argumentsOf(PLATEAU, { patience: "2" })).toEqual({ field: "metric", error: "metric is missing" });
    expect(argumentsOf(PLATEAU, { metric: "a", patience: "1.5" })).toEqual({
      field: "patience",
      error: "patience must be a whole number, not “1.5”",
    });
    expect(argumentsOf(PLATEAU, { metric: "a", min_delta: "1,5" })).toEqual({
      field: "min_delta",
      error: "min delta must be a number, not “1,5”",
    });
  });

  it("is not offered twice for a rule that has no arguments", () => {
    const guard = { kind: "NaNGuard", summary: "", arguments: [] };
    const rule = {
      name: "guard",
      kind: "NaNGuard",
      aim: "",
      suspended: null,
      by_hand: false,
      resumable: true,
    };
    expect(whyNotAgain(guard, [rule])).toBe("is there already");
    expect(whyNotAgain(guard, [])).toBeNull();
    expect(whyNotAgain(PLATEAU, [{ ...rule, kind: "Plateau" }])).toBeNull();
  });
});

describe("words", () => {
  it("say how often a rule fired", () => {
    const fired = { step: 1240, reason: "", node: "n1" };
    expect(describeFired([])).toBe("not fired yet");
    expect(describeFired([fired])).toBe("fired once, at step 1,240");
    expect(describeFired([fired, { ...fired, step: 800 }])).toBe("fired 2 times, last at step 1,240");
  });

  it("say who governs, and what can be done about it", () => {
    const on = describeRuled({ rule: "Plateau", suspended: null, resumable: true });
    expect([on.text, on.action]).toEqual(["Plateau governs", { label: "take over", kind: "suspend_rule" }]);
    const off = describeRuled({
      rule: "Plateau",
      suspended: "lr changed by hand at step 4",
      resumable: true,
    });
    expect([off.text, off.action?.kind]).toEqual(["Plateau suspended", "resume_rule"]);
    expect(off.title).toContain("lr changed by hand at step 4");
    expect(describeRuled({ rule: "Mine", suspended: "missing", resumable: false }).action).toBeNull();
    expect(describeSuspension({ suspended: "not yet" })).toBe("Suspended: not yet");
  });

  it("stand at a rule's node, until a person writes others", () => {
    const fields = {
      cause: "policy",
      rule: "Plateau",
      label: "Plateau: lr 0.1→0.05",
      note: "no better",
    } as const;
    expect(nodeLabel(node("a", "main", 3, fields))).toBe("Plateau: lr 0.1→0.05");
    expect(nodeTitle(node("a", "main", 3, { ...fields, label: "mine", note: "mine" }))).toBe("mine");
  });
});

describe("a stopped step", () => {
  it("offers the ways that Python names, and no others", () => {
    const ways = waysOf({ kind: "not finite", ways: ["lower lr", "skip batch", "pray"] });
    expect(ways.map(({ how, label }) => [how, label])).toEqual([
      ["lower lr", "Back, lr × 0.1"],
      ["skip batch", "Skip the batch"],
    ]);
    expect(waysOf({ kind: "diverged", ways: ["lower lr"] })[0]?.title).toContain("node before");
    expect(waysOf({ kind: "memory", ways: [] })).toEqual([]);
  });
});

describe("tabs", () => {
  it("are reached by the arrow keys, round the ends", () => {
    expect(tabAfter("ArrowRight", 0, 2)).toBe(1);
    expect(tabAfter("ArrowRight", 1, 2)).toBe(0);
    expect(tabAfter("ArrowLeft", 0, 2)).toBe(1);
    expect([tabAfter("Home", 1, 3), tabAfter("End", 0, 3), tabAfter("a", 0, 3)]).toEqual([0, 2, null]);
  });
});
