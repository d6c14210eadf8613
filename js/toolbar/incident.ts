/** What stopped the run: which step, which tensor, which batch, and the ways to go on. */

import { button, h, reconcile, setText } from "../shared/dom.ts";
import type { Incident, RuleIntent } from "../wire_rules.ts";

interface Way {
  label: string;
  title: string;
}

const WAYS: Record<string, Way> = {
  "lower lr": {
    label: "Back, lr × 0.1",
    title: "From the state before the step, with a tenth of every learning rate",
  },
  "skip batch": {
    label: "Skip the batch",
    title: "From the state before the step, behind its batch; no replay repeats that",
  },
};

/** The buttons that an incident offers, in their order. Pure. */
export function waysOf({ kind, ways }: Pick<Incident, "kind" | "ways">): (Way & { how: string })[] {
  const known = ways.flatMap((how) => {
    const way = WAYS[how];
    return way === undefined ? [] : [{ how, ...way }];
  });
  if (kind !== "diverged") return known;
  return known.map((way) => ({
    ...way,
    title: "From the node before that, with a tenth of every learning rate",
  }));
}

export function createIncident(ask: (intent: RuleIntent) => void, signal: AbortSignal) {
  const title = h("div", "rtw-incident-title");
  const facts = h("ul", "rtw-incident-facts");
  const samples = h("p", "rtw-incident-samples", { hidden: true });
  const buttons = h("div", "rtw-buttons");
  const look = button("Look", { title: "Leave it as it is, and show the node and the whole batch" });
  const dismiss = button("Dismiss");
  const sign = h("span", "rtw-incident-sign", { "aria-hidden": "true" }, "⚠");
  const element = h("div", "rtw-incident", { role: "alert", hidden: true });
  element.append(sign, h("div", "rtw-incident-body", {}, title, facts, samples, buttons));
  let shown: Incident | null = null;
  let seen = "null";
  look.addEventListener(
    "click",
    () => {
      if (shown?.node) ask({ kind: "select", node: shown.node, tab: "node" });
      samples.hidden = (shown?.samples.length ?? 0) === 0;
    },
    { signal },
  );
  dismiss.addEventListener("click", () => ask({ kind: "dismiss_incident" }), { signal });
  return {
    element,
    update(incident: Incident | null): void {
      const now = JSON.stringify(incident);
      if (now === seen) return;
      seen = now;
      shown = incident;
      element.hidden = incident === null;
      if (incident === null) return;
      element.dataset.kind = incident.kind;
      setText(title, incident.title);
      reconcile(
        facts,
        incident.facts.map((fact) => h("li", "", {}, fact)),
      );
      setText(samples, `Samples of the batch: ${incident.samples.join(", ")}`);
      samples.hidden = true;
      const offered = waysOf(incident).map(({ how, label, title: help }, at) => {
        const element = button(label, { title: help, className: at === 0 ? "rtw-primary" : "" });
        element.addEventListener("click", () => ask({ kind: "recover", how }));
        return element;
      });
      const looks = incident.node === null ? [] : [look];
      reconcile(buttons, [...offered, ...looks, ...(incident.kind === "memory" ? [dismiss] : [])]);
    },
  };
}
