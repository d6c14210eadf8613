/** Everything that crosses between Python (`retune_widget/view/wire.py`) and the browser. */

export type Cause = "start" | "change" | "manual" | "interval" | "best" | "policy";
/** JSON has no NaN: Python sends "NaN", "Infinity" and "-Infinity" in their place. */
export type MetricValue = number | string;
export type HyperparameterValue = number | boolean;

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
  notices: string[];
  can_undo: boolean;
  busy: string | null;
}

export interface ToolbarTraits {
  status: Status;
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
  saved: boolean;
  note: string;
  metrics: Record<string, MetricValue>;
  values: Record<string, HyperparameterValue>;
  changes: Change[];
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
  verified: boolean | null;
  digest: string | null;
  saved: boolean;
  save_error: string | null;
  bytes: number;
  created: string;
  is_head: boolean;
  metrics: DetailMetric[];
  values: { key: string; value: HyperparameterValue }[];
  changes: DetailChange[];
}

export interface DetailsTraits {
  node: DetailNode | null;
}

/** What a person may ask for. `send` adds the id; Python answers each with an `Answer`. */
export type Intent =
  | { kind: "start" | "pause" | "stop" | "undo" | "dismiss_error" | "reset_zoom" }
  | { kind: "step"; n: number }
  | { kind: "checkpoint"; note: string | null }
  | { kind: "set"; key: string; value: HyperparameterValue }
  | { kind: "restore" | "verify"; node: string }
  | { kind: "branch"; node: string; name: string | null }
  | { kind: "rename"; branch: string; name: string }
  | { kind: "note"; node: string; note: string }
  | { kind: "delete_branch"; branch: string };

export type Answer = { id: string; ok: true; text?: string } | { id: string; ok: false; error: string };
