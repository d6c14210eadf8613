/** Everything that crosses of rules, and of what stopped a run (`retune_widget/view/wire_rules.py`). */

/** What stopped the run, or a batch size that did not fit; `ways` of `run.recover`, each a button. */
export interface Incident {
  kind: "not finite" | "diverged" | "memory";
  title: string;
  facts: string[];
  samples: number[];
  node: string | null;
  ways: string[];
}

/** A rule that governs a hyperparameter; `suspended` says why it does not. */
export interface RuledBy {
  rule: string;
  suspended: string | null;
  resumable: boolean;
}

export interface Tab {
  name: string;
  label: string;
  /** Stands beside the words: how many there are. */
  note: string;
}

export interface TabsTraits {
  tabs: Tab[];
  chosen: string;
}

export interface Rule {
  name: string;
  kind: string;
  /** What it watches and moves: "val/loss → lr × 0.5". */
  aim: string;
  suspended: string | null;
  /** Whether a person suspended it. */
  by_hand: boolean;
  /** Whether its code is there. */
  resumable: boolean;
}

export interface Fired {
  step: number;
  reason: string;
  node: string;
}

export interface RuleArgument {
  name: string;
  kind: "metric" | "hyperparameter" | "number" | "whole" | "choice";
  required: boolean;
  /** Whether it may stay empty. */
  optional: boolean;
  default: string | number | null;
  choices: string[];
  help: string;
}

export interface RuleForm {
  kind: string;
  summary: string;
  arguments: RuleArgument[];
}

export interface TrialResult {
  aim: string;
  text: string;
  times: number;
}

export interface RulesTraits {
  rules: Rule[];
  /** In words, by name. */
  states: Record<string, string>;
  /** The newest first, by name. */
  fired: Record<string, Fired[]>;
  forms: RuleForm[];
  metrics: string[];
  keys_to_move: string[];
  trial: TrialResult | null;
  steerable: boolean;
}

/** The arguments of a rule as a form gives them; null stands for the default. */
export type RuleArguments = Record<string, string | number | null>;

export type RuleIntent =
  | { kind: "add_rule" | "try_rule"; rule: string; arguments: RuleArguments }
  | { kind: "forget_trial" | "dismiss_incident" }
  | { kind: "suspend_rule" | "resume_rule" | "remove_rule"; rule: string }
  | { kind: "recover"; how: string }
  | { kind: "select"; node: string; tab: string | null };
