import { describe, expect, it } from "vitest";
import { Intents } from "../shared/intents.ts";

type Handler = (message: unknown, buffers: DataView[]) => void;

function fakeModel() {
  const handlers = new Set<Handler>();
  const sent: { id: string; kind: string }[] = [];
  return {
    sent,
    handlers,
    send: (message: { id: string; kind: string }) => void sent.push(message),
    on: (_: string, handler: Handler) => void handlers.add(handler),
    off: (_: string | null | undefined, handler?: Handler | null) =>
      void (handler && handlers.delete(handler)),
    answer: (message: unknown) => {
      for (const handler of handlers) handler(message, []);
    },
  };
}

describe("a question to Python", () => {
  it("gets the answer with its own id", async () => {
    const model = fakeModel();
    const intents = new Intents(model, new AbortController().signal);
    const [pause, step] = [intents.ask({ kind: "pause" }), intents.ask({ kind: "step", n: 3 })];
    const [first, second] = model.sent;
    expect(first?.id).not.toBe(second?.id);
    expect(second).toMatchObject({ kind: "step", n: 3 });
    model.answer({ id: second?.id, ok: false, error: "no" });
    model.answer({ id: "another view's", ok: true });
    model.answer("not an answer");
    model.answer({ id: first?.id, ok: true });
    expect(await pause).toMatchObject({ ok: true });
    expect(await step).toMatchObject({ ok: false, error: "no" });
  });

  it("is no longer listened for when the view is gone", () => {
    const model = fakeModel();
    const end = new AbortController();
    new Intents(model, end.signal);
    expect(model.handlers.size).toBe(1);
    end.abort();
    expect(model.handlers.size).toBe(0);
  });
});
