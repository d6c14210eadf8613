/** Asking Python for something, and getting its answer. */

import type { AnyModel } from "@anywidget/types";
import type { Answer, Intent } from "../wire.ts";

// crypto.randomUUID exists on secure origins only; a notebook server on a LAN is not one.
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === "object" && message !== null && "id" in message && "ok" in message;
}

/**
 * One view's questions. Every view of a model sees all answers and takes up its own.
 * When the view goes away its open questions are forgotten: nobody is left to show the answer to.
 */
export class Intents {
  readonly #model: Pick<AnyModel, "send" | "on" | "off">;
  readonly #open = new Map<string, (answer: Answer) => void>();

  constructor(model: Pick<AnyModel, "send" | "on" | "off">, signal: AbortSignal) {
    this.#model = model;
    const receive = (message: unknown): void => {
      if (!isAnswer(message)) return;
      const resolve = this.#open.get(message.id);
      if (!resolve) return;
      this.#open.delete(message.id);
      resolve(message);
    };
    model.on("msg:custom", receive);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", receive);
      this.#open.clear();
    });
  }

  /** Sends the intent; resolves with the answer, also when it is a refusal. */
  ask(intent: Intent): Promise<Answer> {
    const id = randomId();
    return new Promise((resolve) => {
      this.#open.set(id, resolve);
      this.#model.send({ id, ...intent });
    });
  }
}
