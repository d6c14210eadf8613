import { describe, expect, it } from "vitest";
import { describeCheckpoint } from "../details/keeping.ts";
import { badge } from "../tree/badges.ts";
import { describeDisk } from "../tree/disk.ts";
import { GLYPHS } from "../tree/glyphs.ts";
import { createLegend } from "../tree/legend.ts";
import type { CheckpointStatus, DetailNode } from "../wire.ts";
import { node } from "./tree_samples.ts";

const MB = 1_000_000;

describe("the room for checkpoints", () => {
  it.each([
    [184 * MB, null, "184 MB", null, false],
    [412 * MB, 2000 * MB, "412 MB of 2 GB", 0.206, false],
    [2000 * MB, 2000 * MB, "2 GB of 2 GB", 1, false],
    [2300 * MB, 2000 * MB, "⚠ 2.3 GB of 2 GB", 1, true],
    [0, null, "0 bytes", null, false],
    [5, 0, "⚠ 5 bytes of 0 bytes", 1, true],
  ])("%d of %d is %s", (bytes, budget, text, share, isOver) => {
    expect(describeDisk({ bytes, budget })).toMatchObject({ text, share, isOver });
  });
});

describe("where a checkpoint is", () => {
  const words = (status: CheckpointStatus, more: Partial<DetailNode> = {}, reason: string | null = null) =>
    describeCheckpoint({
      checkpoint: { status, reason, bytes: 1_126_400 },
      rebuilding: null,
      ...more,
    } as DetailNode);

  it("is said in words", () => {
    expect(words("saved")).toBe("saved, 1.1 MB");
    expect(words("saving")).toBe("being saved …");
    expect(words("not saved", {}, "disk full")).toBe("not saved: disk full");
    expect(words("evicted", { rebuilding: "rebuilt by replay, about 12 s" })).toBe(
      "freed: rebuilt by replay, about 12 s",
    );
  });

  it("has a badge where a person should look", () => {
    const classes = (status: CheckpointStatus, pinned = false) =>
      badge(status, pinned).map((element) => element.getAttribute("class")?.split("rtw-badge-")[1]);
    expect(classes("saved")).toEqual([]);
    expect(classes("saving")).toEqual([]);
    expect(classes("evicted")).toEqual([]);
    expect(classes("not saved")).toEqual(["not-saved"]);
    expect(classes("not saved", true)).toEqual(["not-saved", "pin"]);
  });

  it("is explained by the legend, for the marks that the tree has", () => {
    const legend = createLegend();
    const shown = (): string[] => [...legend.element.children].map((item) => item.textContent ?? "");
    const at = (status: CheckpointStatus, pinned = false) =>
      node("a", "main", 1, { pinned, checkpoint: { status, reason: null, bytes: 0 } });
    legend.update([at("saved")]);
    expect(shown()).toEqual(["change"]);
    legend.update([at("evicted"), at("not saved"), at("saving"), at("saved", true)]);
    expect(shown()).toEqual(["change", "pinned", "freed, rebuilt by replay", "not saved", "being saved"]);
  });

  it("leaves the shape to the cause: no two causes share one", () => {
    expect(new Set(Object.values(GLYPHS)).size).toBe(Object.keys(GLYPHS).length);
  });
});
