import { describe, expect, it } from "vitest";
import { isSettled, markKey, shownMark } from "../controls/mark.ts";
import type { Mark } from "../wire.ts";

const mark = (state: Mark["state"], step: number | null = null): Mark => ({
  state,
  value: 1,
  step,
  text: `${state} ${step}`,
});

describe("a question about a value", () => {
  it("is settled by a newer applied or refused mark", () => {
    const pending = { asked: 1, seen: markKey(mark("applied", 5)), answered: false };
    expect(isSettled(pending, mark("applied", 5))).toBe(false);
    expect(isSettled(pending, mark("asked"))).toBe(false);
    expect(isSettled(pending, mark("applied", 9))).toBe(true);
    expect(isSettled(pending, mark("refused"))).toBe(true);
  });

  it("is settled by an answer, but not while Python's mark says asked", () => {
    const pending = { asked: 1, seen: "", answered: true };
    expect(isSettled(pending, undefined)).toBe(true);
    expect(isSettled(pending, mark("asked"))).toBe(false);
  });
});

describe("the mark shown", () => {
  const local = { state: "asked", text: "asked 1 …" } as const;

  it("is the view's own until Python's is newer", () => {
    const old = mark("applied", 5);
    expect(shownMark(local, markKey(old), old)).toBe(local);
    expect(shownMark(local, markKey(old), mark("applied", 9))?.text).toBe("applied 9");
    expect(shownMark(null, "", undefined)).toBeNull();
  });
});
