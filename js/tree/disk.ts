/** What the checkpoints take, against the budget. */

import { h, setText } from "../shared/dom.ts";
import { formatBytes } from "../shared/number.ts";
import type { Disk } from "../wire.ts";

export interface DiskWords {
  text: string;
  title: string;
  /** 0 to 1, or null without a budget. */
  share: number | null;
  isOver: boolean;
}

/** "412 MB of 2 GB"; without a budget only what is used. Pure. */
export function describeDisk({ bytes, budget }: Disk): DiskWords {
  const used = formatBytes(bytes);
  if (budget === null) {
    return { text: used, title: "What the checkpoints take; no budget was set", share: null, isOver: false };
  }
  const of = formatBytes(budget);
  const isOver = bytes > budget;
  return {
    text: `${isOver ? "⚠ " : ""}${used} of ${of}`,
    title: isOver
      ? `The checkpoints take ${used}, more than the budget of ${of}: what is left cannot be freed`
      : `The checkpoints take ${used} of a budget of ${of}; the least valuable are freed first`,
    share: budget > 0 ? Math.min(1, bytes / budget) : 1,
    isOver,
  };
}

/** "412 MB of 2 GB" with a thin bar below it. */
export function createDisk() {
  const text = h("span", "rtw-disk-text");
  const fill = h("span", "rtw-disk-fill");
  const bar = h("span", "rtw-disk-bar", { hidden: true }, fill);
  const element = h("span", "rtw-disk", { role: "meter", "aria-label": "Room for checkpoints" }, text, bar);
  return {
    element,
    update(disk: Disk): void {
      const words = describeDisk(disk);
      setText(text, words.text);
      element.title = words.title;
      element.dataset.over = String(words.isOver);
      bar.hidden = words.share === null;
      fill.style.width = `${((words.share ?? 0) * 100).toFixed(1)}%`;
      element.setAttribute("aria-valuetext", words.text);
      element.setAttribute("aria-valuenow", String(Math.round((words.share ?? 0) * 100)));
    },
  };
}
