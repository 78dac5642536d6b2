// Keys for everything that says data-shortcut: "c", "g d" (one after the other), "mod+enter" (Ctrl or Command, also inside fields).
// Single keys can be switched off in the dialog that `?` opens (WCAG 2.1.4).
import { element } from "./dom.js";
import { text } from "./texts.js";

const PATIENCE = 1200;
let typed = [];
let timer;

export function startShortcuts() {
  document.addEventListener("keydown", onKey);
  const dialog = document.getElementById("shortcuts");
  const box = dialog?.querySelector("[data-shortcut-switch]");
  if (!box) return;
  box.checked = singleKeysOn();
  box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
  dialog.addEventListener("dialog:open", () => listShortcuts(dialog.querySelector("[data-shortcut-list]")));
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === "Enter") send(event);
    return;
  }
  if (isTyping(event.target) || !singleKeysOn() || event.key.length > 1) return;
  clearTimeout(timer);
  timer = setTimeout(() => (typed = []), PATIENCE);
  typed = [...typed.slice(-1), event.key.toLowerCase()];
  if (fire([typed.join(" "), typed.at(-1)], event)) typed = [];
}

function fire(sequences, event) {
  const scope = document.querySelector("dialog[open]") ?? document;
  const around = event.target.closest?.("form");
  for (const sequence of sequences) {
    const targets = [...scope.querySelectorAll("[data-shortcut]")].filter((item) => item.dataset.shortcut === sequence && isReachable(item));
    const target = targets.find((item) => around?.contains(item)) ?? targets[0];
    if (!target) continue;
    event.preventDefault();
    activate(target);
    return true;
  }
  return false;
}

// Ctrl+Enter sends the form that one is in, as Enter does from a field of one line; else the page's own.
function send(event) {
  const form = event.target.closest?.("form");
  const button = form?.querySelector("[data-shortcut='mod+enter']") ?? form?.querySelector("[type=submit]");
  if (!button || !isReachable(button)) return fire(["mod+enter"], event);
  event.preventDefault();
  activate(button);
}

function activate(target) {
  if (target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea")) {
    target.focus();
    target.select?.();
  } else {
    target.focus();
    target.click();
  }
}

function isReachable(item) {
  return !item.disabled && item.getAttribute("aria-disabled") !== "true" && item.checkVisibility({ visibilityProperty: true });
}

function isTyping(target) {
  return target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=button])");
}

function singleKeysOn() {
  try {
    return localStorage.getItem("shortcuts") !== "off";
  } catch {
    return true;
  }
}

function listShortcuts(list) {
  const items = [...document.querySelectorAll("[data-shortcut]")].filter((item) => !item.closest("dialog") && (isReachable(item) || item.closest(".nav")));
  const seen = new Map(items.map((item) => [item.dataset.shortcut, labelOf(item)]));
  list.replaceChildren(...[...seen].map(([keys, label]) => element("div", {}, element("dt", {}, label), element("dd", {}, ...drawn(keys)))));
}

function drawn(keys) {
  if (keys === "mod+enter") return [element("kbd", {}, /Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl"), " ", element("kbd", {}, "Enter")];
  const nodes = keys.split(" ").flatMap((key) => [element("kbd", {}, key), ` ${text("then")} `]);
  return nodes.slice(0, -1);
}

function labelOf(item) {
  if (item.dataset.shortcutLabel) return item.dataset.shortcutLabel;
  const copy = item.cloneNode(true);
  copy.querySelectorAll("kbd, svg, .pill").forEach((part) => part.remove());
  return copy.textContent.trim() || item.getAttribute("aria-label");
}
