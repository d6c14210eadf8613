/** Building elements. Text always goes in as text: nothing here parses HTML. */

type Attributes = Record<string, string | number | boolean | null>;

/** An element with a class, attributes and children; `true` sets an empty attribute, `false` and null none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  className = "",
  attributes: Attributes = {},
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  if (className) element.setAttribute("class", className);
  setAttributes(element, attributes);
  return element;
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Writes only what differs: an equal write would still cost the browser a layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export interface ButtonOptions {
  title?: string;
  icon?: string;
  className?: string;
}

/** A button with an optional icon character that screen readers skip. */
export function button(label: string, options: ButtonOptions = {}): HTMLButtonElement {
  const element = h("button", `rtw-button ${options.className ?? ""}`.trim(), { type: "button" });
  if (options.title) element.title = options.title;
  if (options.icon) element.append(h("span", "rtw-icon", { "aria-hidden": "true" }, options.icon));
  element.append(h("span", "rtw-button-label", {}, label));
  return element;
}

/** Changes a button made by `button` without rebuilding it. */
export function relabel(element: HTMLButtonElement, label: string, icon: string): void {
  const [iconPart, labelPart] = element.children;
  if (iconPart) setText(iconPart, icon);
  if (labelPart) setText(labelPart, label);
}

/** Brings `parent`'s children to `wanted`, in order, and touches only those that moved. */
export function reconcile(parent: Element, wanted: Element[]): void {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    const current = parent.children[index] ?? null;
    if (current !== child) parent.insertBefore(child, current);
  });
}
