// What somebody does while the page's scripts are still on their way waits for them. Without this a key would be lost, a form that
// asks first would be sent unasked, and one that htmx sends would only load the page again. A plain script in <head>: it lets go
// when the scripts have run, or have failed to load, and is of no use afterwards.
(() => {
  const NATIVE = "a, label, summary, select, textarea, input:not([type=submit]):not([type=button])";
  const FIELD = "textarea, select, [contenteditable], input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit])";
  const STEPS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const AFTER_A_KEY = ["Tab", "Enter", "Escape", "Backspace", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  const holds = { click: (event) => !event.target.closest(NATIVE), submit: () => true, keydown: isShortcut, input: () => true, change: () => true };
  const waiting = [];

  // Keys that follow a shortcut belong to what it leads to. Alone, a blank scrolls or presses what has the focus, and Tab moves it.
  function isShortcut(event) {
    if (event.ctrlKey || event.metaKey) return event.key === "Enter";
    if (event.altKey || event.target.matches(FIELD)) return false;
    return (event.key.length === 1 && event.key !== " ") || (waiting.length > 0 && (event.key === " " || AFTER_A_KEY.includes(event.key)));
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
    if (event.type === "submit") event.target.requestSubmit(event.submitter);
    else if (event.type === "keydown") press(event);
    else event.target.dispatchEvent(new event.constructor(event.type, event));
  }

  // As the browser would: first the page's own keys, then what the key does by itself where the focus is.
  function press(event) {
    const place = document.activeElement;
    if (!place.dispatchEvent(new KeyboardEvent("keydown", event)) || event.ctrlKey || event.metaKey) return;
    if (event.key === "Tab") step(place, event.shiftKey ? -1 : 1);
    else if (place.matches(FIELD)) type(place, event.key);
    else if (event.key === "Enter" || event.key === " ") place.click();
  }

  function step(place, by) {
    const all = [...document.querySelectorAll(STEPS)].filter((item) => item.tabIndex >= 0 && !item.disabled && item.checkVisibility({ visibilityProperty: true }));
    const next = all[all.indexOf(place) + by];
    next?.focus();
    next?.select?.();
  }

  function type(field, key) {
    if (key.length === 1) document.execCommand("insertText", false, key);
    else if (key === "Backspace") document.execCommand("delete");
    else if (key === "Enter" && field.matches("textarea")) document.execCommand("insertText", false, "\n");
    else if (key === "Enter" && field.matches("input")) field.form?.requestSubmit([...field.form.elements].find((item) => item.type === "submit"));
  }

  for (const kind of Object.keys(holds)) window.addEventListener(kind, hold, true);
  window.addEventListener("DOMContentLoaded", letGo); // after all who wait for it on the document
})();
