/** A menu at a point, in the browser's top layer: no ancestor can clip it. */

import { h } from "./dom.ts";

export interface MenuItem {
  label: string;
  hint?: string;
  disabled?: boolean;
  danger?: boolean;
  run: () => void;
}

/** Opens the menu inside `root` at viewport coordinates. Arrows move, Enter runs, Escape closes. */
export function openMenu(root: HTMLElement, x: number, y: number, label: string, items: MenuItem[]): void {
  for (const open of root.querySelectorAll(".rtw-menu")) open.remove();
  const previous = document.activeElement;
  const menu = h("div", "rtw-menu", { role: "menu", "aria-label": label, popover: "auto", tabindex: -1 });
  const entries = items.map((item) => {
    const className = item.danger ? "rtw-menuitem rtw-menuitem-danger" : "rtw-menuitem";
    const entry = h("button", className, {
      type: "button",
      role: "menuitem",
      disabled: item.disabled ?? false,
    });
    entry.append(item.label, h("span", "rtw-menu-hint", {}, item.hint ?? ""));
    entry.addEventListener("click", () => {
      close();
      item.run();
    });
    return entry;
  });
  const enabled = entries.filter((entry) => !entry.disabled);
  const close = (): void => {
    const hadFocus = menu.contains(document.activeElement);
    menu.remove();
    if (hadFocus && (previous instanceof HTMLElement || previous instanceof SVGElement)) {
      previous.focus({ preventScroll: true });
    }
  };
  menu.append(h("div", "rtw-menu-title", {}, label), ...entries);
  menu.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState === "closed") close();
  });
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  menu.addEventListener("keydown", (event) => {
    const at = enabled.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key === "ArrowDown") enabled[(at + 1) % enabled.length]?.focus();
    else if (event.key === "ArrowUp") enabled.at(Math.max(at, 0) - 1)?.focus();
    else return;
    event.preventDefault();
  });
  root.append(menu);
  menu.showPopover();
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, window.innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, window.innerHeight - height - 4))}px`;
  enabled[0]?.focus();
}
