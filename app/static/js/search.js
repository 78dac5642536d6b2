// The one search box of the top bar. Enter or a click goes to the entry.
import { Combobox, marked } from "./combobox.js";
import { element } from "./dom.js";

export function mountFinder(form) {
  const input = form.querySelector("[role=combobox]");
  const box = new Combobox(input, form.querySelector("[role=listbox]"), {
    minimum: 2,
    url: (query) => `${form.dataset.finder}?q=${encodeURIComponent(query)}`,
    draw: (item) => [
      element("span", {}, ...marked(item.title, input.value.trim())),
      item.subtitle ? element("small", {}, item.subtitle) : null,
    ],
    pick: (item) => {
      const event = new CustomEvent("finder:pick", { bubbles: true, cancelable: true, detail: { ...item, typed: input.value.trim() } });
      input.value = "";
      // The front desk opens the patient in place instead of leaving the page.
      if (form.dispatchEvent(event)) location.assign(item.url);
    },
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    box.ask(0);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !box.isOpen) {
      input.value = "";
      input.blur();
    }
  });
}
