/** The toolbar: run, pause, step, stop; where the run is; what went wrong. */

import { AskSlot } from "./shared/ask.ts";
import { button, h, reconcile, relabel, setText } from "./shared/dom.ts";
import { Feedback } from "./shared/feedback.ts";
import { defineWidget, type View } from "./shared/view.ts";
import { describeProgress, primaryAction } from "./toolbar/describe.ts";
import { createErrorBanner } from "./toolbar/error_banner.ts";
import { createIncident } from "./toolbar/incident.ts";
import type { Intent, ToolbarTraits } from "./wire.ts";

function mount({ model, root, intents, signal, follow }: View<ToolbarTraits>): void {
  const feedback = new Feedback(() => model.get("status").busy?.text ?? null);
  const slot = new AskSlot();
  const ask = (intent: Intent): void =>
    void feedback.follow(intent.kind.replace("_", " "), intents.ask(intent));
  const on = (element: HTMLElement, run: (event: MouseEvent) => void): void =>
    element.addEventListener("click", run, { signal });

  const primary = button("Start", { icon: "▶", className: "rtw-primary rtw-play" });
  const step = button("Step", { title: "Train this many steps, then pause" });
  const count = h("input", "rtw-field rtw-count", {
    type: "number",
    min: 1,
    step: 1,
    value: 1,
    "aria-label": "Steps to train",
  });
  const stop = button("Stop", { icon: "■", title: "Stop training" });
  const checkpoint = button("Checkpoint", {
    icon: "⤓",
    title: "Keep the state of this step (with Shift: with a note)",
  });
  const note = button("", { icon: "✎", title: "Checkpoint with a note", className: "rtw-square" });
  note.setAttribute("aria-label", "Checkpoint with a note");
  const undo = button("Undo", { icon: "↶", title: "Back to before the last change, as a new branch" });

  const pill = h("span", "rtw-pill", { role: "status" });
  const cancel = button("Cancel", {
    className: "rtw-small rtw-cancel",
    title: "Give it up and pause; the run stays where it was",
  });
  const branch = h("span", "rtw-branch");
  const stepNumber = h("span", "rtw-step");
  const of = h("span");
  const epoch = h("span", "rtw-epoch");
  const where = h("span", "rtw-where", {}, stepNumber, of, " · epoch ", epoch);
  const bar = h("div", "rtw-progress-fill");
  const progress = h("div", "rtw-progress", { role: "progressbar", "aria-label": "Progress" }, bar);
  const pace = h("span", "rtw-pace");
  const banner = createErrorBanner(() => ask({ kind: "dismiss_error" }), signal);
  const incident = createIncident(ask, signal);
  const notices = h("div", "rtw-notices", { role: "status" });

  const stepGroup = h("span", "rtw-joined", {}, step, count);
  const checkpointGroup = h("span", "rtw-joined", {}, checkpoint, note);
  const buttons = h("div", "rtw-buttons", { role: "toolbar", "aria-label": "Training" });
  buttons.append(primary, stepGroup, stop, checkpointGroup, undo);
  const state = h("div", "rtw-state", {}, pill, cancel, branch, where, progress, pace);
  root.append(
    h("div", "rtw-bar", {}, buttons, state),
    slot.element,
    feedback.element,
    incident.element,
    banner.element,
    notices,
  );

  const stepNow = (): void => {
    const n = Math.floor(count.valueAsNumber);
    if (n >= 1) ask({ kind: "step", n });
    else feedback.show("step: the number of steps must be 1 or more", "error");
  };
  const checkpointWithNote = async (): Promise<void> => {
    const text = await slot.ask({ label: "Note", action: "Checkpoint", value: "" });
    if (text !== null) ask({ kind: "checkpoint", note: text || null });
  };
  on(primary, () => ask({ kind: primaryAction(model.get("status").status).kind }));
  on(step, stepNow);
  count.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Enter") stepNow();
    },
    { signal },
  );
  on(cancel, () => ask({ kind: "pause" }));
  on(stop, () => ask({ kind: "stop" }));
  on(checkpoint, (event) => {
    if (event.shiftKey) void checkpointWithNote();
    else ask({ kind: "checkpoint", note: null });
  });
  on(note, () => void checkpointWithNote());
  on(undo, () => ask({ kind: "undo" }));

  follow(["status"], () => {
    const status = model.get("status");
    const action = primaryAction(status.status);
    relabel(primary, action.label, action.icon);
    step.disabled = status.status === "running";
    stop.disabled = status.status !== "running" && status.status !== "paused";
    undo.disabled = !status.can_undo;
    setText(pill, status.busy?.text ?? status.status);
    cancel.hidden = !status.busy?.cancellable;
    pill.dataset.status = status.busy === null ? status.status : "busy";
    setText(branch, status.branch);
    branch.title = status.branch;
    const shown = describeProgress(status);
    setText(stepNumber, `step ${shown.step}`);
    // The word moves with the number: the room for digits to come stays in front of it.
    stepNumber.style.minWidth = `${4 + shown.stepRoom}ch`;
    setText(of, shown.of);
    setText(epoch, shown.epoch);
    setText(pace, shown.pace);
    progress.hidden = shown.fraction === null;
    bar.style.width = `${((shown.fraction ?? 0) * 100).toFixed(1)}%`;
    progress.setAttribute("aria-valuenow", String(Math.round((shown.fraction ?? 0) * 100)));
    incident.update(status.incident);
    banner.update(status.error);
    const old = new Map([...notices.children].map((line) => [line.textContent ?? "", line]));
    const texts = [...new Set(status.notices)];
    reconcile(
      notices,
      texts.map((text) => old.get(text) ?? h("div", "rtw-notice", {}, text)),
    );
  });
}

export default defineWidget<ToolbarTraits>("toolbar", mount);
