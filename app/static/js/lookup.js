// A look-up field: the visible box searches, a hidden input carries the id of what was chosen.
import { Combobox, marked } from "./combobox.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

export function mountLookup(field) {
  const input = field.querySelector("[role=combobox]");
  const carrier = field.querySelector("input[type=hidden]");
  const clear = field.querySelector(".lookup-clear");
  let chosen = input.defaultValue; // not what somebody typed before this ran

  const set = (id, words) => {
    carrier.value = id;
    input.value = words;
    chosen = words;
    clear.hidden = !id;
    input.setCustomValidity("");
    carrier.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const box = new Combobox(input, field.querySelector("[role=listbox]"), {
    minimum: 0,
    url: (query) => withQuery(field.dataset.lookupUrl, query === chosen ? "" : query),
    draw: (item) => [
      element("span", {}, ...marked(item.text, input.value.trim())),
      item.note ? element("small", {}, item.note) : null,
    ],
    pick: (item) => set(item.id, item.text),
  });
  box.tabPicks = true;

  input.addEventListener("input", () => {
    if (!input.value.trim()) set("", "");
    else if (input.value !== chosen) input.setCustomValidity(text("pickOne"));
  });
  input.addEventListener("click", () => box.isOpen || box.ask(0));
  input.addEventListener("blur", () => {
    // What was typed but not chosen is not kept: the box always shows what the hidden input carries.
    if (carrier.value && input.value !== chosen) set(carrier.value, chosen);
  });
  clear.addEventListener("click", () => {
    set("", "");
    input.focus();
  });
}

function withQuery(address, query) {
  const url = new URL(address, location.href);
  url.searchParams.set("q", query);
  return url.href;
}
