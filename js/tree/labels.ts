/** Which labels can be shown so that none overlaps another. Pure. */

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface LabelRequest {
  id: string;
  /** The centre of what is labelled. */
  x: number;
  y: number;
  width: number;
  /** Higher wins the room. */
  priority: number;
  /** In the order of preference. */
  sides: readonly Side[];
}

/** `-start` and `-end`: the text begins or ends at its node instead of standing in its middle. */
export type Side = "above" | "below" | "above-start" | "below-start" | "above-end" | "below-end" | "right";

export interface PlacedLabel {
  id: string;
  side: Side;
  /** Where the text starts, and its baseline. */
  x: number;
  y: number;
}

export const LABEL_HEIGHT = 13;
const GAP = 9;
/** How far right of a branch's tip its name begins: clear of the head's pulse. */
export const TIP_GAP = 16;
/** How far a label on a `-start` or `-end` side reaches beyond its node's centre. */
const INSET = 2;
/** Room between two labels side by side. */
const SPACE = 6;
const CELL = 64;

export function boxOf({ x, y, width }: LabelRequest, side: Side): Box {
  if (side === "right") {
    const left = x + TIP_GAP;
    return { left, right: left + width, top: y - LABEL_HEIGHT / 2, bottom: y + LABEL_HEIGHT / 2 };
  }
  const top = side.startsWith("above") ? y - GAP - LABEL_HEIGHT : y + GAP;
  const left = side.endsWith("start") ? x - INSET : side.endsWith("end") ? x + INSET - width : x - width / 2;
  return { left, right: left + width, top, bottom: top + LABEL_HEIGHT };
}

export function overlaps(a: Box, b: Box, space = SPACE): boolean {
  return a.left < b.right + space && b.left < a.right + space && a.top < b.bottom && b.top < a.bottom;
}

/** Boxes by the squares they touch, so that a thousand labels need no million comparisons. */
class Taken {
  readonly #cells = new Map<string, Box[]>();

  add(box: Box): void {
    for (const key of this.#keys(box)) {
      const cell = this.#cells.get(key);
      if (cell) cell.push(box);
      else this.#cells.set(key, [box]);
    }
  }

  isFree(box: Box): boolean {
    for (const key of this.#keys(box)) {
      if (this.#cells.get(key)?.some((other) => overlaps(box, other))) return false;
    }
    return true;
  }

  *#keys(box: Box): Generator<string> {
    for (
      let column = Math.floor((box.left - SPACE) / CELL);
      column <= Math.floor((box.right + SPACE) / CELL);
      column += 1
    ) {
      for (let row = Math.floor(box.top / CELL); row <= Math.floor(box.bottom / CELL); row += 1) {
        yield `${column},${row}`;
      }
    }
  }
}

/**
 * The labels that find room, more important ones first; the rest hide.
 *
 * @param obstacles what no label may cover: the nodes' own marks
 * @param bounds labels outside are left out; one that sticks out sideways is pushed in
 */
export function placeLabels(
  requests: readonly LabelRequest[],
  obstacles: readonly Box[],
  bounds: Box,
): PlacedLabel[] {
  const taken = new Taken();
  for (const box of obstacles) taken.add(box);
  const placed: PlacedLabel[] = [];
  for (const request of [...requests].sort((a, b) => b.priority - a.priority)) {
    for (const side of request.sides) {
      const box = boxOf(request, side);
      if (side !== "right") {
        const push = Math.max(0, bounds.left - box.left) - Math.max(0, box.right - bounds.right);
        // Pushed farther than half its width, it would no longer stand by its node.
        if (Math.abs(push) > request.width / 2) continue;
        box.left += push;
        box.right += push;
      }
      if (box.top < bounds.top || box.bottom > bounds.bottom || !taken.isFree(box)) continue;
      taken.add(box);
      placed.push({ id: request.id, side, x: box.left, y: box.bottom - 3 });
      break;
    }
  }
  return placed;
}
