import { describe, expect, it } from "vitest";
import { plotOf } from "../controls/schedule/plot.ts";

const FRAME = { width: 100, height: 50 };
const preview = (values: number[], log = false) => ({
  steps: values.map((_, at) => 10 + at),
  values,
  log,
  text: "",
});

describe("the plot of a preview", () => {
  it("fills its frame from the first step to the last", () => {
    const plot = plotOf(preview([4, 2, 0]), FRAME);
    expect(plot).toEqual({ path: "M0.0,0.0L50.0,25.0L100.0,50.0", low: 0, high: 4, first: 10, last: 12 });
  });

  it("has equal ratios on a logarithmic axis", () => {
    expect(plotOf(preview([1, 0.1, 0.01], true), FRAME).path).toBe("M0.0,0.0L50.0,25.0L100.0,50.0");
  });

  it("draws what stays the same in the middle, and one point too", () => {
    expect(plotOf(preview([3, 3]), FRAME).path).toBe("M0.0,25.0L100.0,25.0");
    expect(plotOf(preview([3]), FRAME).path).toBe("M0.0,25.0");
  });
});
