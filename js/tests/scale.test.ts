import { describe, expect, it } from "vitest";
import { keyStep, positionOf, type ScaleOf, valueAt } from "../controls/scale.ts";

const log: ScaleOf = { kind: "float", scale: "log", low: 1e-6, high: 1, zero: false };
const logZero: ScaleOf = { ...log, zero: true };
const beta: ScaleOf = { kind: "float", scale: "one_minus_log", low: 0, high: 0.9999, zero: false };
const dropout: ScaleOf = { kind: "float", scale: "linear", low: 0, high: 0.9, zero: false };
const batch: ScaleOf = { kind: "int", scale: "log", low: 1, high: 1500, zero: false };

describe("slider scales", () => {
  it.each([
    ["log", log, 1e-3, 0.5],
    ["one minus log", beta, 0.99, 0.5],
    ["linear", dropout, 0.45, 0.5],
  ])("puts a %s value in its place and back", (_, of, value, position) => {
    expect(positionOf(of, value)).toBeCloseTo(position, 9);
    expect(valueAt(of, position)).toBe(value);
  });

  it.each([log, logZero, beta, dropout, batch])("reaches both bounds exactly", (of) => {
    expect(valueAt(of, 0)).toBe(of.zero ? 0 : of.low);
    expect(valueAt(of, 1)).toBe(of.high);
    expect(positionOf(of, of.high)).toBe(1);
  });

  it.each([log, logZero, beta, dropout, batch])("rises with its position and stays in bounds", (of) => {
    let last = Number.NEGATIVE_INFINITY;
    for (let step = 0; step <= 200; step += 1) {
      const value = valueAt(of, step / 200);
      expect(value).toBeGreaterThanOrEqual(last);
      expect(value).toBeLessThanOrEqual(of.high);
      last = value;
    }
  });

  it("keeps a place for exactly zero on a log scale", () => {
    expect(positionOf(logZero, 0)).toBe(0);
    expect(valueAt(logZero, 0.01)).toBe(0);
    expect(valueAt(logZero, 0.05)).toBeGreaterThan(0);
    expect(positionOf(logZero, 1e-6)).toBeGreaterThan(0);
  });

  it("shows a value out of bounds at the nearer end", () => {
    expect(positionOf(log, 30)).toBe(1);
    expect(positionOf(log, 0)).toBe(0);
    expect(positionOf(beta, 1)).toBe(1);
    expect(positionOf(dropout, -1)).toBe(0);
  });

  it("gives whole numbers to an int, and numbers a hand can mean to a float", () => {
    expect(Number.isInteger(valueAt(batch, 0.37))).toBe(true);
    expect(String(valueAt(log, 0.123)).replace(/[^1-9]/g, "").length).toBeLessThanOrEqual(3);
    expect(valueAt(dropout, 1 / 3)).toBe(0.3);
  });

  it("moves by one where the units are few", () => {
    expect(keyStep({ kind: "int", scale: "linear", low: 0, high: 10, zero: false })).toBe(0.1);
    expect(keyStep(log)).toBe(0.01);
  });
});
