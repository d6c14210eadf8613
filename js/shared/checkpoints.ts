/** Where a checkpoint can be: in words, in the order of the legend. Pure. */

import type { CheckpointStatus } from "../wire.ts";

export const STATUS_WORDS: Record<CheckpointStatus, string> = {
  saved: "saved",
  saving: "being saved",
  evicted: "freed, rebuilt by replay",
  "not saved": "not saved",
};
