/** What the line below a control says, out of Python's mark and what only this view knows. Pure. */

import type { HyperparameterValue, Mark } from "../wire.ts";

export type ShownMark = Pick<Mark, "state" | "text">;

/**
 * One control's question to Python. `asked` is the last value sent and not yet settled;
 * `seen` is Python's mark (as JSON) at that time, so that a newer one can be told from an old one.
 */
export interface Pending {
  asked: HyperparameterValue;
  seen: string;
  answered: boolean;
}

export function markKey(mark: Mark | undefined): string {
  return mark === undefined ? "" : JSON.stringify(mark);
}

/** A question is settled by a newer applied or refused mark, or by an answer when nothing is asked any more. */
export function isSettled(pending: Pending, mark: Mark | undefined): boolean {
  const isNew = markKey(mark) !== pending.seen;
  if (isNew && mark !== undefined && mark.state !== "asked") return true;
  return pending.answered && mark?.state !== "asked";
}

/** The mark to show: this view's own while it is newer than Python's, else Python's. */
export function shownMark(local: ShownMark | null, seen: string, mark: Mark | undefined): ShownMark | null {
  if (local !== null && markKey(mark) === seen) return local;
  return mark ?? null;
}
