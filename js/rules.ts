/** The panel of rules: a card for each that acts, and a form for a new one. */

import { Card } from "./rules/card.ts";
import { AddForm } from "./rules/form.ts";
import { whyNotAgain } from "./rules/words.ts";
import { button, h, reconcile, setText } from "./shared/dom.ts";
import { Feedback } from "./shared/feedback.ts";
import { openMenu } from "./shared/menu.ts";
import { defineWidget, type View } from "./shared/view.ts";
import type { RuleArguments, RuleForm, RuleIntent, RulesTraits } from "./wire_rules.ts";

function mount({ model, root, intents, signal, follow }: View<RulesTraits>): void {
  const steerable = model.get("steerable");
  const feedback = new Feedback();
  const cards = new Map<string, { card: Card; kind: string }>();
  const list = h("div", "rtw-cards");
  const empty = h("p", "rtw-empty", {}, "No rule acts on this run.");
  const add = button("Add a rule …", { title: "Let something act by itself on what it sees" });
  add.setAttribute("aria-haspopup", "menu");
  const place = h("div", "rtw-form-place");
  const trialText = h("span");
  const forget = h(
    "button",
    "rtw-link",
    { type: "button", title: "Take its marks out of the chart" },
    "clear",
  );
  const trial = h("p", "rtw-trial", { role: "status", hidden: true });
  trial.append(h("span", "rtw-diamond", { "aria-hidden": "true" }, "◇ "), trialText, " ", forget);
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Rules");
  root.append(
    list,
    empty,
    place,
    trial,
    h("div", "rtw-buttons", { hidden: !steerable }, add),
    feedback.element,
  );

  const ask = (intent: RuleIntent): void =>
    void feedback.follow(intent.kind.replace("_", " "), intents.ask(intent));

  const close = (): void => {
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren();
    add.hidden = list.hidden = false;
    if (hadFocus) add.focus({ preventScroll: true });
  };
  const send = async (kind: "add_rule" | "try_rule", rule: string, values: RuleArguments) => {
    const answer = await intents.ask({ kind, rule, arguments: values });
    return answer.ok ? { text: answer.text ?? "", error: null } : { text: "", error: answer.error };
  };
  const open = (form: RuleForm): void => {
    const offers = { metrics: model.get("metrics"), keys: model.get("keys_to_move") };
    const element = new AddForm(form, offers, {
      tryOut: async (rule, values) => (await send("try_rule", rule, values)).error,
      add: async (rule, values) => {
        const { text, error } = await send("add_rule", rule, values);
        if (error === null) {
          close();
          feedback.show(text);
        }
        return error;
      },
      cancel: () => {
        close();
        if (model.get("trial") !== null) ask({ kind: "forget_trial" });
      },
    });
    feedback.show("");
    place.replaceChildren(element.element);
    // The form has the room of the cards: no scrolling between the two.
    add.hidden = list.hidden = true;
    element.focus();
  };
  add.addEventListener(
    "click",
    () => {
      const { left, bottom } = add.getBoundingClientRect();
      const items = model.get("forms").map((form) => {
        const why = whyNotAgain(form, model.get("rules"));
        return { label: form.kind, hint: why ?? form.summary, disabled: why !== null, run: () => open(form) };
      });
      openMenu(root, left, bottom + 2, "Rules", items);
    },
    { signal },
  );
  forget.addEventListener("click", () => ask({ kind: "forget_trial" }), { signal });

  follow(["rules", "states", "fired"], () => {
    const [rules, states, fired] = [model.get("rules"), model.get("states"), model.get("fired")];
    const elements = rules.map((rule) => {
      let entry = cards.get(rule.name);
      if (entry?.kind !== rule.kind) {
        entry = { card: new Card(rule, { ask, steerable }, signal), kind: rule.kind };
        cards.set(rule.name, entry);
      }
      entry.card.update(rule, states[rule.name] ?? "", fired[rule.name] ?? []);
      return entry.card.element;
    });
    const names = new Set(rules.map(({ name }) => name));
    for (const name of cards.keys()) if (!names.has(name)) cards.delete(name);
    reconcile(list, elements);
    empty.hidden = rules.length > 0;
  });
  follow(["trial"], () => {
    const result = model.get("trial");
    trial.hidden = result === null;
    setText(trialText, result === null ? "" : `${result.aim}: ${result.text}`);
    forget.hidden = !steerable;
  });
}

export default defineWidget<RulesTraits>("rules", mount);
