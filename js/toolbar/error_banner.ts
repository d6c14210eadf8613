/** The last error: a sentence, and the traceback for who wants it. */

import { button, h, setText } from "../shared/dom.ts";
import type { RunError } from "../wire.ts";

export function createErrorBanner(dismiss: () => void, signal: AbortSignal) {
  const summary = h("span", "rtw-error-summary");
  const traceback = h("pre", "rtw-traceback", { tabindex: 0, "aria-label": "Traceback" });
  const details = h("details", "rtw-error-details", {}, h("summary", "", {}, "Traceback"), traceback);
  const close = button("Dismiss", { className: "rtw-small" });
  close.addEventListener("click", dismiss, { signal });
  const element = h("div", "rtw-error", { role: "alert", hidden: true });
  element.append(h("div", "rtw-error-line", {}, summary, close), details);
  return {
    element,
    update(error: RunError | null): void {
      element.hidden = error === null;
      if (error === null) return;
      setText(summary, error.summary);
      setText(traceback, error.traceback);
      details.hidden = error.traceback === "";
    },
  };
}
