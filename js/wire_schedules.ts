/** What crosses of schedules between Python (`retune_widget/view/wire_schedules.py`) and the browser. */

/** What stands in a field: text as it was typed, or a box that is ticked. */
export type Entry = string | boolean;

/** Who decides a value. */
export interface Governed {
  name: string;
  mode: "scale" | "hold";
  scale: number;
  text: string;
  title: string;
  /** A schedule that can be taken away, not a torch scheduler. */
  ours: boolean;
}

export interface ScheduleField {
  name: string;
  label: string;
  kind: "number" | "whole" | "switch" | "points";
  entry: Entry;
  help: string;
}

export interface ScheduleKind {
  kind: string;
  help: string;
  fields: ScheduleField[];
}

/** What the form of a hyperparameter begins with. */
export interface ScheduleDraft {
  kinds: ScheduleKind[];
  kind: string;
  /** The fields of a warm-up in front. */
  warmup: ScheduleField[];
  warms_up: boolean;
}

/** `values[i]` is used after `steps[i]` steps. */
export interface SchedulePreview {
  steps: number[];
  values: number[];
  log: boolean;
  text: string;
}

/** A form as it was filled in. */
export interface ScheduleForm {
  kind: string;
  entries: Record<string, Entry>;
  warmup: Record<string, Entry> | null;
}

export type ScheduleIntent =
  | { kind: "draft_schedule" | "unschedule" | "hold" | "release"; key: string }
  | { kind: "preview_schedule" | "schedule"; key: string; form: ScheduleForm };
