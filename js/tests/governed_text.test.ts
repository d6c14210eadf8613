import { describe, expect, it } from "vitest";
import { formatFactor, movedText } from "../controls/governed_text.ts";
import type { Governed } from "../wire_schedules.ts";

const governed = (fields: Partial<Governed>): Governed => ({
  name: "cosine",
  mode: "scale",
  scale: 1,
  text: "",
  title: "",
  ours: true,
  ...fields,
});

describe("a factor", () => {
  it.each([
    [1, "1.0"],
    [0.5, "0.50"],
    [1 / 3, "0.33"],
    [12.34, "12"],
    [3.21e-4, "3.2e-4"],
    [321, "320"],
  ])("%f is written as Python writes it", (scale, text) => {
    expect(formatFactor(scale)).toBe(text);
  });
});

describe("what letting go of the slider would do", () => {
  it("scales the schedule, also where it is scaled already", () => {
    expect(movedText(governed({}), 0.02, 0.01)).toBe("×0.50 of cosine");
    expect(movedText(governed({ scale: 0.5 }), 0.01, 0.04)).toBe("×2.0 of cosine");
  });

  it("holds where no factor gives the value, and where it is held", () => {
    expect(movedText(governed({}), 0.02, 0)).toBe("held at 0 (cosine)");
    expect(movedText(governed({}), 0, 0.01)).toBe("held at 0.01 (cosine)");
    expect(movedText(governed({ mode: "hold" }), 0.02, 3e-4)).toBe("held at 3e-4 (cosine)");
  });
});
