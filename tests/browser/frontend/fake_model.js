/** A stand-in for anywidget's model: traits, custom messages, and a record of what the view did. */
class FakeModel {
  constructor(traits) {
    this.traits = structuredClone(traits);
    this.handlers = new Map();
    this.sent = [];
    this.saved = [];
    this.dirty = {};
  }

  get(name) {
    return this.traits[name];
  }

  set(name, value) {
    this.dirty[name] = value;
    this.update({ [name]: value });
  }

  save_changes() {
    this.saved.push(this.dirty);
    this.dirty = {};
  }

  send(message) {
    this.sent.push(message);
  }

  on(event, handler) {
    const known = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, known.add(handler));
  }

  off(event, handler) {
    this.handlers.get(event)?.delete(handler);
  }

  /** Takes traits as one message of Python's brings them: all are set before the first event. */
  update(traits) {
    const news = Object.keys(traits).filter(
      (name) => JSON.stringify(traits[name]) !== JSON.stringify(this.traits[name]),
    );
    Object.assign(this.traits, structuredClone(traits));
    for (const name of news) for (const handler of this.handlers.get(`change:${name}`) ?? []) handler();
  }

  /** Answers the last question of a kind, as Python does. */
  answer(kind, answer) {
    const { id } = this.sent.findLast((message) => message.kind === kind);
    for (const handler of this.handlers.get("msg:custom") ?? []) handler({ id, ...answer }, []);
  }

  listenerCount() {
    return [...this.handlers.values()].reduce((sum, known) => sum + known.size, 0);
  }
}

/** Shows a bundle in an element of the page; the model and the view's end are kept for the test. */
export async function show(name, traits, { width = 1100, views = 1 } = {}) {
  const { default: widget } = await import(`/static/${name}.js`);
  const model = new FakeModel(traits);
  const ends = [];
  for (let view = 0; view < views; view += 1) {
    const el = document.createElement("div");
    el.className = "stage";
    el.style.width = `${width}px`;
    document.body.append(el);
    ends.push(await widget.render({ model, el, signal: new AbortController().signal }));
  }
  window.model = model;
  window.ends = ends;
}
