/** The line above a saved run: that it is one, where it was, and how to go on with it. */

import { h, setText } from "./shared/dom.ts";
import { formatCount } from "./shared/number.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { SavedbarTraits } from "./wire.ts";

function mount({ model, root, follow }: View<SavedbarTraits>): void {
  const pill = h("span", "rtw-pill", { role: "status" });
  const path = h("span", "rtw-path");
  const was = h("span", "rtw-faint");
  const branch = h("span", "rtw-branch");
  const where = h("span", "rtw-where");
  const line = h("code", "rtw-resume-line", {
    tabindex: 0,
    title: "The line that goes on with it: click, then copy",
  });
  const resume = h("div", "rtw-resume", {}, h("span", "rtw-faint", {}, "To go on with it: "), line);
  const problem = h("div", "rtw-notice", { role: "status", hidden: true });
  const state = h("div", "rtw-state", {}, pill, path, was, branch, where);
  root.append(h("div", "rtw-bar", {}, state), resume, problem);

  follow(["saved"], () => {
    const saved = model.get("saved");
    setText(pill, saved.following ? "in training elsewhere" : "saved run");
    pill.dataset.status = saved.following ? "running" : "saved";
    pill.title = saved.following
      ? "Another process writes this run; what it saves is shown here"
      : "Only to look at: nothing can be steered here";
    setText(path, saved.path);
    path.title = saved.path;
    setText(was, saved.following ? "it is on" : "it was on");
    setText(branch, saved.branch);
    branch.title = saved.branch;
    setText(where, `step ${formatCount(saved.step)} · epoch ${formatCount(saved.epoch)}`);
    setText(line, saved.resume);
    resume.hidden = saved.following;
    problem.hidden = saved.problem === null;
    setText(problem, saved.problem ?? "");
  });
}

export default defineWidget<SavedbarTraits>("savedbar", mount);
