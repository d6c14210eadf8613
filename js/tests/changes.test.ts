import { expect, it } from "vitest";
import { describeChange } from "../shared/changes.ts";

it.each([
  [{ old: 1e-3, new: 3e-3, governed: null }, "lr 1e-3 → 3e-3"],
  [{ old: 1e-3, new: 1e-3, governed: "cosine(1e-3 → 1e-5, 3000)" }, "lr ~ cosine(1e-3 → 1e-5, 3000)"],
  [{ old: 1e-3, new: 5e-4, governed: "×0.5 of cosine" }, "lr 1e-3 → 5e-4, ×0.5 of cosine"],
])("a change is told with what became of its schedule", (change, text) => {
  expect(describeChange({ key: "lr", ...change })).toBe(text);
});
