import { describe, expect, it } from "vitest";
import { fittedEnd, niceEnd } from "../tree/domain.ts";
import {
  assignLanes,
  branchPath,
  FORK_OFFSET,
  type Frame,
  headPlace,
  nearest,
  place,
  SLOT_WIDTH,
} from "../tree/layout.ts";
import { diffNodes, indexTree, tipStep } from "../tree/model.ts";
import { neighbour } from "../tree/navigate.ts";
import { branch, branches, headAt, node, nodes } from "./tree_samples.ts";

const frame: Frame = { x: (step) => step, y: (lane) => 40 * lane };
const index = indexTree(branches, nodes);
const lanes = assignLanes(index);
const head = headAt("late", 1250);
const placement = place(index, lanes, head, frame);

describe("lanes", () => {
  it("puts the latest fork nearest, each followed by its own forks", () => {
    expect([...lanes]).toEqual([
      ["main", 0],
      ["late", 1],
      ["late-fork", 2],
      ["early", 3],
    ]);
  });

  it("lets no fork's curve cross another branch's line", () => {
    for (const { fork, start } of placement.branches.values()) {
      if (!fork) continue;
      for (const other of placement.branches.values()) {
        const isBetween = other.start.y > fork.y && other.start.y < start.y;
        if (isBetween) expect(other.start.x).toBeGreaterThan(fork.x);
      }
    }
  });

  it("do not move while a run trains", () => {
    const longer = branches.map((old) => ({ ...old, tip_step: old.tip_step + 500 }));
    expect([...assignLanes(indexTree(longer, nodes))]).toEqual([...lanes]);
  });

  it("give every branch a place, also one whose fork is gone", () => {
    const lost = indexTree([...branches, branch("lost", "nowhere", 10, 20)], nodes);
    expect(assignLanes(lost).get("lost")).toBe(4);
  });

  it("cope with a chain of 20,000 branches", () => {
    const chain = Array.from({ length: 20_000 }, (_, at) =>
      branch(`b${at}`, at ? `n${at - 1}` : null, at, at),
    );
    const points = chain.map((_, at) => node(`n${at}`, `b${at}`, at));
    expect(assignLanes(indexTree(chain, points)).size).toBe(20_000);
  });
});

describe("places", () => {
  it("moves the first node of a fork aside, so that it can be told from the fork's node", () => {
    expect(placement.nodes.get("l700")?.x).toBe(700 + FORK_OFFSET);
    expect(placement.nodes.get("m700")?.x).toBe(700);
  });

  it("puts nodes of one step side by side", () => {
    const twins = indexTree([branch("main", null, 0, 10)], [node("a", "main", 5), node("b", "main", 5)]);
    const { nodes: points } = place(twins, assignLanes(twins), headAt("main", 5), frame);
    expect((points.get("b")?.x ?? 0) - (points.get("a")?.x ?? 0)).toBe(SLOT_WIDTH);
  });

  it("ends a line at the head where that is ahead of what was recorded", () => {
    expect(placement.branches.get("late")?.tip.x).toBe(1250);
    const late = branches[2];
    expect(late && tipStep(index, late, headAt("late", 100))).toBe(1200);
  });

  it("puts the head at its own step, also when its last node is behind it", () => {
    expect(headPlace(index, placement, head, frame)).toEqual({ x: 1250, y: 40, onNode: false });
    const beyond = { ...head, node: "l900" };
    expect(headPlace(index, placement, beyond, frame)).toEqual({ x: 1250, y: 40, onNode: false });
    expect(headPlace(index, placement, headAt("nowhere", 3), frame)).toBeNull();
  });

  it("puts the head on its node where it stands at that node's step, as after a restore", () => {
    const onLate = { ...headAt("late", 900), node: "l900" };
    expect(headPlace(index, placement, onLate, frame)).toEqual({ x: 900, y: 40, onNode: true });
    const onMain = { ...headAt("main", 300), node: "m300" };
    expect(headPlace(index, placement, onMain, frame)).toEqual({ x: 300, y: 0, onNode: true });
  });

  it("puts the head beside nodes that were moved aside, never left of them", () => {
    const atFork = { ...headAt("late", 700), node: "l700" };
    expect(headPlace(index, placement, atFork, frame)?.x).toBe(700 + FORK_OFFSET);
    expect(headPlace(index, placement, { ...atFork, step: 705 }, frame)?.x).toBe(700 + FORK_OFFSET);
    // The fork's node is on another line: the new branch has no node yet.
    expect(headPlace(index, placement, { ...atFork, node: "m700" }, frame)).toMatchObject({
      x: 700 + FORK_OFFSET,
      onNode: false,
    });
  });

  it("draws a curve from the fork and a straight line from the root", () => {
    const [main, late] = [placement.branches.get("main"), placement.branches.get("late")];
    expect(main && branchPath(main)).toBe("M0.0,0.0L1000.0,0.0");
    expect(late && branchPath(late)).toMatch(/^M700\.0,0\.0C.*L1250\.0,40\.0$/);
  });

  it("finds the nearest node within reach", () => {
    expect(nearest(placement, { x: 305, y: 4 }, 14)).toBe("m300");
    expect(nearest(placement, { x: 350, y: 4 }, 14)).toBeNull();
  });
});

describe("arrow keys", () => {
  it.each([
    ["m300", "right", "m700"],
    ["m0", "left", null],
    ["l700", "left", "m700"],
    ["m700", "down", "l700"],
    ["f900", "up", "l900"],
    ["f900", "down", "e300"],
    ["e300", "down", null],
    ["m700", "home", "m0"],
    ["l700", "end", "l900"],
  ] as const)("from %s %s to %s", (from, direction, to) => {
    expect(neighbour(index, lanes, placement, from, direction)).toBe(to);
  });
});

describe("the index", () => {
  it("tells which nodes came, went and changed", () => {
    const after = nodes.filter(({ id }) => id !== "e300").map((old) => ({ ...old }));
    after.push(node("new", "main", 800));
    const changed = after.find(({ id }) => id === "m700");
    if (changed) changed.checkpoint = { status: "evicted", reason: null, bytes: 0 };
    expect(diffNodes(index.nodes, indexTree(branches, after).nodes)).toEqual({
      added: ["new"],
      removed: ["e300"],
      changed: ["m700"],
    });
  });

  it("leaves out a node whose branch is not there yet", () => {
    expect(indexTree([], nodes).nodes.size).toBe(0);
  });
});

describe("the fitted steps", () => {
  it("stay while the tip is inside and grow when it nears the end", () => {
    const end = niceEnd(1000);
    expect(end).toBeGreaterThan(1000);
    expect(fittedEnd(end, 1100)).toBe(end);
    expect(fittedEnd(end, end)).toBeGreaterThan(end);
    expect(fittedEnd(100_000, 10)).toBeLessThan(100);
  });

  it("grow rarely: a million steps take fewer than 60 refits", () => {
    let end = 0;
    let refits = 0;
    for (let step = 0; step <= 1_000_000; step += 10) {
      const next = fittedEnd(end, step);
      if (next !== end) refits += 1;
      end = next;
    }
    expect(refits).toBeLessThan(60);
  });
});
