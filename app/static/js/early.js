// What somebody does while the page's scripts are still on their way waits for them. Without this a key would be lost, a form that
// asks first would be sent unasked, and one that htmx sends would only load the page again. A plain script in <head>: it lets go
// when the scripts have run, or have failed to load, and is of no use afterwards.
(() => {
  const NATIVE = "a, label, summary, select, textarea, input:not([type=submit]):not([type=button])";
  const FIELD = "textarea, select, [contenteditable], input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit])";
  const holds = { click: (event) => !event.target.closest(NATIVE), submit: () => true, keydown: isShortcut, input: () => true, change: () => true };
  const waiting = [];

  function isShortcut(event) {
    if (event.ctrlKey || event.metaKey) return event.key === "Enter";
    if (event.key === " " && !waiting.length) return false; // it scrolls, or presses what has the focus
    return event.key.length === 1 && !event.altKey && !event.target.matches(FIELD);
  }

  function hold(event) {
    if (!holds[event.type](event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    waiting.push(event);
  }

  function letGo() {
    for (const kind of Object.keys(holds)) window.removeEventListener(kind, hold, true);
    waiting.splice(0).forEach(again);
  }

  function again(event) {
    const { type, target, submitter } = event;
    const typesOn = type === "keydown" && event.key.length === 1 && document.activeElement?.matches(FIELD);
    if (type === "submit") target.requestSubmit(submitter);
    else if (typesOn) document.execCommand("insertText", false, event.key);
    else target.dispatchEvent(new event.constructor(type, event));
  }

  for (const kind of Object.keys(holds)) window.addEventListener(kind, hold, true);
  document.addEventListener("DOMContentLoaded", () => setTimeout(letGo));
})();
