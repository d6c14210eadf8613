/** Everything that crosses between Python (`retune_widget/view/wire.py`) and the browser. */

import type { Incident, RuledBy, RuleIntent } from "./wire_rules.ts";
import type { Governed, ScheduleIntent } from "./wire_schedules.ts";

export type Cause = "start" | "change" | "manual" | "interval" | "best" | "policy";
/** JSON has no NaN: Python sends "NaN", "Infinity" and "-Infinity" in their place. */
export type MetricValue = number | string;
export type HyperparameterValue = number | boolean;
export type CheckpointStatus = "saving" | "saved" | "not saved" | "evicted";

/** Where a node's state is; `reason` says why it is not saved. */
export interface Checkpoint {
  status: CheckpointStatus;
  reason: string | null;
  bytes: number;
}

/** What is being carried out that takes a while. */
export interface Busy {
  node: string | null;
  text: string;
  /** Whether pausing gives it up: steps are trained again. */
  cancellable: boolean;
}

export interface Verdict {
  equal: boolean;
  text: string;
}

export interface Disk {
  bytes: number;
  budget: number | null;
}

export interface RunError {
  summary: string;
  traceback: string;
}

export interface Status {
  status: "ready" | "running" | "paused" | "finished" | "failed";
  branch: string;
  step: number;
  epoch: number;
  total_steps: number | null;
  steps_per_second: number | null;
  eta_seconds: number | null;
  error: RunError | null;
  incident: Incident | null;
  notices: string[];
  can_undo: boolean;
  busy: Busy | null;
}

export interface ToolbarTraits {
  status: Status;
}

export interface Saved {
  path: string;
  branch: string;
  step: number;
  epoch: number;
  /** Whether another process writes it now. */
  following: boolean;
  /** The line of Python that goes on with it. */
  resume: string;
  problem: string | null;
}

export interface SavedbarTraits {
  saved: Saved;
}

export interface Hyperparameter {
  key: string;
  label: string;
  group: string;
  kind: "float" | "int" | "bool";
  scale: "linear" | "log" | "one_minus_log";
  low: number;
  high: number;
  help: string;
  zero: boolean;
}

export interface Mark {
  state: "asked" | "applied" | "refused";
  value: HyperparameterValue | null;
  step: number | null;
  text: string;
}

export interface ControlsTraits {
  hyperparameters: Hyperparameter[];
  values: Record<string, HyperparameterValue>;
  marks: Record<string, Mark>;
  /** The rules that move a hyperparameter. */
  ruled: Record<string, RuledBy[]>;
  /** Who decides the values that a schedule or a torch scheduler governs. */
  governed: Record<string, Governed>;
  /** What the last steps say of a value. */
  notes: Record<string, string>;
}

export interface LegendEntry {
  id: string;
  name: string;
  colour: string;
  head: boolean;
}

export interface ChartbarTraits {
  metrics: string[];
  metric: string;
  hyperparameter_keys: string[];
  hyperparameter: string;
  log_y: boolean;
  smoothing: number;
  gradient: boolean;
  has_gradient: boolean;
  legend: LegendEntry[];
  readout: string;
}

export interface TreeBranch {
  id: string;
  name: string;
  colour: string;
  fork: string | null;
  fork_step: number;
  tip_step: number;
  stopped: string | null;
}

export interface Change {
  key: string;
  old: HyperparameterValue | null;
  new: HyperparameterValue | null;
  /** What became of its schedule, in words. */
  governed: string | null;
}

export interface TreeNode {
  id: string;
  branch: string;
  step: number;
  epoch: number;
  parent: string | null;
  cause: Cause;
  label: string;
  exact: boolean;
  checkpoint: Checkpoint;
  pinned: boolean;
  note: string;
  metrics: Record<string, MetricValue>;
  values: Record<string, HyperparameterValue>;
  changes: Change[];
  /** The rule that made it. */
  rule: string | null;
}

export interface Head {
  branch: string;
  step: number;
  node: string | null;
  running: boolean;
}

export interface TreeTraits {
  branches: TreeBranch[];
  nodes: TreeNode[];
  head: Head;
  selected: string | null;
  busy: Busy | null;
  disk: Disk;
  /** Whether nodes can be restored and edited; a saved run is only looked at. */
  steerable: boolean;
}

export interface DetailMetric {
  name: string;
  value: MetricValue;
  delta: number | null;
  better: boolean | null;
}

export interface DetailChange extends Change {
  notice: string | null;
}

export interface DetailNode {
  id: string;
  branch_name: string;
  branch: string;
  step: number;
  epoch: number;
  cause: Cause;
  label: string;
  note: string;
  exact: boolean;
  why: string | null;
  digest: string | null;
  checkpoint: Checkpoint;
  /** What restoring takes, where the checkpoint was freed. */
  rebuilding: string | null;
  pinned: boolean;
  verdict: Verdict | null;
  busy: string | null;
  created: string;
  is_head: boolean;
  is_root: boolean;
  metrics: DetailMetric[];
  values: { key: string; value: HyperparameterValue }[];
  changes: DetailChange[];
  rule: string | null;
}

export interface DetailsTraits {
  node: DetailNode | null;
  steerable: boolean;
}

/** What a person may ask for. `send` adds the id; Python answers each with an `Answer`. */
export type Intent =
  | { kind: "start" | "pause" | "stop" | "undo" | "dismiss_error" | "reset_zoom" }
  | { kind: "step"; n: number }
  | { kind: "checkpoint"; note: string | null }
  | { kind: "set"; key: string; value: HyperparameterValue }
  | { kind: "restore" | "verify" | "evict"; node: string }
  | { kind: "pin"; node: string; pinned: boolean }
  | { kind: "branch"; node: string; name: string | null }
  | { kind: "rename"; branch: string; name: string }
  | { kind: "note"; node: string; note: string }
  | { kind: "delete_branch"; branch: string }
  | RuleIntent
  | ScheduleIntent;

/** `found` is what a question asked for. */
export type Answer =
  | { id: string; ok: true; text?: string; found?: unknown }
  | { id: string; ok: false; error: string };
