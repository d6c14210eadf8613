import { describe, expect, it } from "vitest";
import { describeProgress, primaryAction } from "../toolbar/describe.ts";
import type { Status } from "../wire.ts";

const status: Status = {
  status: "running",
  branch: "main",
  step: 2140,
  epoch: 91,
  total_steps: 3000,
  steps_per_second: 412.3,
  eta_seconds: 2.1,
  error: null,
  incident: null,
  notices: [],
  can_undo: false,
  busy: null,
};

describe("the status in words", () => {
  it("says where the run is and how fast", () => {
    expect(describeProgress(status)).toEqual({
      step: "2,140",
      stepRoom: 5,
      of: " of 3,000",
      epoch: "91",
      pace: "412 steps/s · 0:02 left",
      fraction: 2140 / 3000,
    });
  });

  it("says nothing that is not known", () => {
    const unknown = { ...status, total_steps: null, steps_per_second: null, eta_seconds: null };
    expect(describeProgress(unknown)).toMatchObject({ of: "", pace: "", fraction: null });
  });

  it("keeps room for the digits to come", () => {
    expect(describeProgress({ ...status, step: 9 }).stepRoom).toBe(5);
  });

  it("offers what the primary button does now", () => {
    expect(primaryAction("ready").label).toBe("Start");
    expect(primaryAction("running").kind).toBe("pause");
    expect(primaryAction("paused").label).toBe("Resume");
  });
});
