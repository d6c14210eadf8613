import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCompact,
  formatCount,
  formatDelta,
  formatDuration,
  formatMetric,
  formatRate,
  formatValue,
  parseCount,
  parseNumber,
} from "../shared/number.ts";

describe("numbers as text", () => {
  it.each([
    [0, "0"],
    [0.001, "1e-3"],
    [0.0019, "1.9e-3"],
    [0.01, "0.01"],
    [0.05, "0.05"],
    [0.9, "0.9"],
    [0.1 + 0.2, "0.3"],
    [1e-8, "1e-8"],
    [-2e-5, "-2e-5"],
    [1500, "1500"],
    [2.5e7, "2.5e7"],
    [0.0099999, "0.01"],
  ])("writes %d as %s", (value, text) => {
    expect(formatCompact(value)).toBe(text);
  });

  it("writes every kind of value", () => {
    expect(formatValue(true)).toBe("on");
    expect(formatValue(null)).toBe("–");
    expect(formatValue(1_500_000)).toBe("1500000");
    expect(formatMetric("-Infinity")).toBe("-∞");
    expect(formatMetric("NaN")).toBe("NaN");
    expect(formatCount(2140)).toBe("2,140");
  });

  it("writes differences with a sign as wide as the other", () => {
    expect(formatDelta(0.008)).toBe("+0.008");
    expect(formatDelta(-0.031)).toBe("−0.031");
    expect(formatDelta(0)).toBe("±0");
  });

  it("writes times, speeds and sizes", () => {
    expect(formatDuration(2.4)).toBe("0:02");
    expect(formatDuration(3723)).toBe("1:02:03");
    expect(formatRate(412.3)).toBe("412 steps/s");
    expect(formatRate(3.21)).toBe("3.2 steps/s");
    expect(formatRate(0.4)).toBe("2.5 s/step");
    expect(formatBytes(1_126_400)).toBe("1.1 MB");
    expect(formatBytes(12)).toBe("12 bytes");
    expect(formatBytes(999_900)).toBe("1 MB");
  });
});

describe("text as numbers", () => {
  it.each([
    ["1e-3", 1e-3],
    [" .5 ", 0.5],
    ["−2", -2],
    ["1_000", 1000],
    ["3.", 3],
  ])("reads %j", (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each(["", "abc", "1,5", "nan", "Infinity", "1e999", "0x10", "1 2"])("refuses %j", (text) => {
    expect(parseNumber(text)).toBeNull();
  });

  it.each([
    ["1,000", 1000],
    [" 12,345,678 ", 12345678],
    ["1000", 1000],
    ["1e3", 1000],
  ])("reads %j as a count", (text, value) => {
    expect(parseCount(text)).toBe(value);
  });

  it.each(["", "10,00", "1,5", "1,0000", "0.5", "1,000.5", ",000"])("refuses %j as a count", (text) => {
    expect(parseCount(text)).toBeNull();
  });
});
