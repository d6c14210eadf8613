/** Small marks at a node's upper corners: not saved, pinned. */

import { svg } from "../shared/dom.ts";
import type { CheckpointStatus } from "../wire.ts";
import { NOT_SAVED, PIN } from "./glyphs.ts";

/** How far a badge reaches from its node's centre, so that no label covers it. */
export const BADGE_REACH = { x: 14, y: 12 };

/** The badges of a node whose centre is at 0, 0; none for most nodes. */
export function badge(status: CheckpointStatus, pinned: boolean): SVGElement[] {
  const badges: SVGElement[] = [];
  if (status === "not saved") {
    const group = svg("g", "rtw-badge rtw-badge-not-saved", { transform: "translate(7,-5)" });
    group.append(
      svg("path", "", { d: NOT_SAVED.plate }),
      svg("path", "rtw-badge-sign", { d: NOT_SAVED.sign }),
    );
    badges.push(group);
  }
  if (pinned) {
    const group = svg("g", "rtw-badge rtw-badge-pin", { transform: "translate(-8,-6)" });
    group.append(svg("path", "", { d: PIN }));
    badges.push(group);
  }
  return badges;
}

export function hasBadge(status: CheckpointStatus, pinned: boolean): boolean {
  return pinned || status === "not saved";
}
