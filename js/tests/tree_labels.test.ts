import { describe, expect, it } from "vitest";
import {
  BRANCH_PRIORITY,
  branchLabel,
  describeNode,
  HEAD_BRANCH_PRIORITY,
  labelPriority,
  nodeLabel,
  shorten,
} from "../tree/describe.ts";
import { type Box, boxOf, type LabelRequest, overlaps, placeLabels } from "../tree/labels.ts";
import { branch, node } from "./tree_samples.ts";

const bounds: Box = { left: 0, right: 1000, top: 0, bottom: 200 };

function request(id: string, x: number, priority: number, rest: Partial<LabelRequest> = {}): LabelRequest {
  return { id, x, y: 100, width: 80, priority, sides: ["above"], ...rest };
}

describe("labels", () => {
  it("hide where a more important one stands", () => {
    const placed = placeLabels([request("minor", 500, 1), request("major", 540, 2)], [], bounds);
    expect(placed.map(({ id }) => id)).toEqual(["major"]);
  });

  it("try above, then below, then hide the less important", () => {
    const sides = ["above", "below"] as const;
    const requests = [
      request("c", 560, 1, { sides }),
      request("a", 500, 3, { sides }),
      request("b", 540, 2, { sides }),
    ];
    const placed = placeLabels(requests, [], bounds);
    expect(placed.map(({ id, side }) => [id, side])).toEqual([
      ["a", "above"],
      ["b", "below"],
    ]);
  });

  it("can end at their node, clear of what is right of it", () => {
    const [placed] = placeLabels([request("a", 500, 1, { sides: ["below-end"] })], [], bounds);
    expect((placed?.x ?? 0) + 80).toBe(502);
  });

  it("never cover a node's mark", () => {
    const mark: Box = { left: 490, right: 502, top: 80, bottom: 92 };
    expect(placeLabels([request("a", 500, 1)], [mark], bounds)).toEqual([]);
  });

  it("are pushed in at the sides and left out above and below", () => {
    const [first] = placeLabels([request("edge", 10, 1)], [], bounds);
    expect(first?.x).toBe(0);
    expect(placeLabels([request("far", -200, 1)], [], bounds)).toEqual([]);
    expect(placeLabels([request("high", 500, 1, { y: 5 })], [], bounds)).toEqual([]);
  });

  it("never overlap, a thousand of them at random places", () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const sides = ["above", "below", "right", "above-start", "below-start"] as const;
    const requests = Array.from({ length: 1000 }, (_, at) =>
      request(String(at), random() * 1000, random(), {
        y: random() * 200,
        width: 20 + random() * 120,
        sides,
      }),
    );
    const byId = new Map(requests.map((one) => [one.id, one]));
    const placed = placeLabels(requests, [], bounds);
    expect(placed.length).toBeGreaterThan(20);
    const boxes = placed.map(({ id, side, x }) => {
      const box = boxOf(byId.get(id) as LabelRequest, side);
      return { ...box, left: x, right: x + (box.right - box.left) };
    });
    boxes.forEach((box, at) => {
      for (const other of boxes.slice(at + 1)) expect(overlaps(box, other, 0)).toBe(false);
    });
  });
});

describe("words", () => {
  it("label a person's note, else what changed, and nothing for a routine checkpoint", () => {
    expect(nodeLabel(node("a", "main", 3, { label: "lr ×3" }))).toBe("lr ×3");
    expect(nodeLabel(node("a", "main", 3, { label: "lr ×3", note: "n" }))).toBe("n");
    expect(nodeLabel(node("a", "main", 3, { note: "n" }))).toBe("n");
    expect(nodeLabel(node("a", "main", 3, { cause: "interval" }))).toBe("");
  });

  it("count the changes that there is no room for", () => {
    const changes = ["body.lr", "head.lr"].map((key) => ({ key, old: 1e-3, new: 0.1, governed: null }));
    const label = "body.lr 1e-3→0.1, head.lr 1e-3→0.1";
    expect(nodeLabel(node("a", "main", 3, { label, changes }))).toBe("body.lr 1e-3→0.1 +1");
  });

  it("let a note win over a change, and a branch's name over everything", () => {
    const change = labelPriority(node("a", "main", 3), false);
    const note = labelPriority(node("a", "main", 3, { cause: "manual", note: "n" }), false);
    const selected = labelPriority(node("a", "main", 3), true);
    expect(note).toBeGreaterThan(change);
    expect(selected).toBeGreaterThan(note);
    expect(BRANCH_PRIORITY).toBeGreaterThan(selected);
    expect(HEAD_BRANCH_PRIORITY).toBeGreaterThan(BRANCH_PRIORITY);
  });

  it("shorten by characters, not by halves of them", () => {
    expect(shorten("🙂🙂🙂🙂", 3)).toBe("🙂🙂…");
  });

  it("say why a branch ended", () => {
    expect(branchLabel({ ...branch("b", null, 0, 1), stopped: "NaN" })).toBe("b · NaN");
  });

  it("tell a screen reader what colours tell the eye", () => {
    const text = describeNode(
      node("a", "main", 2140, {
        exact: false,
        pinned: true,
        checkpoint: { status: "not saved", reason: "disk full", bytes: 0 },
      }),
      branch("main", null, 0, 1),
    );
    expect(text).toBe(
      "change checkpoint, step 2,140, epoch 0, branch main, change, not exact, pinned, not saved",
    );
  });
});
