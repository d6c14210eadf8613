/** The line that says what became of a question. */

import type { Answer } from "../wire.ts";
import { h, setText } from "./dom.ts";

const PATIENCE_MS = 1500;

/** A status line: silent while answers are quick, "waiting" when they are not, red on a refusal. */
export class Feedback {
  readonly element = h("div", "rtw-feedback", { role: "status" });
  readonly #atWork: () => string | null;
  #latest = 0;

  /** @param atWork what Python says that it is doing, if it does something that takes a while */
  constructor(atWork: () => string | null = () => null) {
    this.#atWork = atWork;
  }

  show(text: string, kind: "plain" | "error" = "plain"): void {
    setText(this.element, text);
    this.element.title = text;
    this.element.dataset.kind = kind;
  }

  /** Shows the outcome of a question; an older question never overwrites a newer one. */
  async follow(what: string, question: Promise<Answer>): Promise<Answer> {
    this.#latest += 1;
    const mine = this.#latest;
    this.show("");
    const waiting = setTimeout(() => {
      if (mine === this.#latest) this.show(`${this.#atWork() ?? `${what}: waiting for the kernel`} …`);
    }, PATIENCE_MS);
    const answer = await question;
    clearTimeout(waiting);
    if (mine === this.#latest) {
      if (answer.ok) this.show(answer.text ?? "");
      else this.show(answer.error, "error");
    }
    return answer;
  }
}
