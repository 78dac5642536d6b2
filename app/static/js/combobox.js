// The ARIA combobox with a list box (WAI-ARIA Authoring Practices): used by the search box and by look-up fields.
import { element } from "./dom.js";
import { getJson } from "./http.js";
import { text } from "./texts.js";

const PAUSE = 80;

export class Combobox {
  // options: url(query), draw(item) -> nodes, pick(item), minimum letters, and whether an empty box lists something
  constructor(input, list, { url, draw, pick, minimum = 1 }) {
    Object.assign(this, { input, list, url, draw, pick, minimum, items: [], at: -1 });
    this.said = element("span", { class: "visually-hidden", role: "status" });
    list.after(this.said);
    input.addEventListener("input", () => this.ask());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    list.addEventListener("mousedown", (event) => this.click(event));
  }

  ask(pause = PAUSE) {
    clearTimeout(this.timer);
    this.abort?.abort();
    const query = this.input.value.trim();
    if (query.length < this.minimum) return this.close();
    // Whoever begins to type is answered at once; while the keys follow each other, one question is enough.
    const rested = performance.now() - (this.asked ?? -PAUSE) >= PAUSE;
    this.asked = performance.now();
    this.timer = setTimeout(() => this.fetch(query), rested ? 0 : pause);
  }

  async fetch(query) {
    this.abort = new AbortController();
    const slow = setTimeout(() => this.note(text("loading")), 300);
    try {
      const data = await getJson(this.url(query), { signal: this.abort.signal });
      this.show(data.items);
    } catch (problem) {
      if (problem.name !== "AbortError") this.note(problem.message);
    } finally {
      clearTimeout(slow);
    }
  }

  show(items) {
    this.items = items;
    this.at = -1;
    if (!items.length) return this.note(text("nothing"));
    this.list.replaceChildren(...items.map((item, index) => this.option(item, index)));
    this.said.textContent = text("found", { count: items.length });
    this.open();
    this.move(0);
  }

  option(item, index) {
    const id = `${this.list.id}-${index}`;
    return element("li", { role: "option", id, class: "option", "aria-selected": "false" }, ...this.draw(item));
  }

  note(message) {
    this.items = [];
    this.at = -1;
    this.input.removeAttribute("aria-activedescendant");
    this.list.replaceChildren(element("li", { class: "option-note", role: "option", "aria-disabled": "true" }, message));
    this.said.textContent = message;
    this.open();
  }

  open() {
    if (document.activeElement !== this.input) return;
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.list.hidden = true;
    this.at = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  get isOpen() {
    return !this.list.hidden;
  }

  move(to) {
    const options = this.list.querySelectorAll(".option");
    options[this.at]?.setAttribute("aria-selected", "false");
    this.at = (to + options.length) % options.length;
    const option = options[this.at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  choose(index) {
    const item = this.items[index];
    if (!item) return;
    this.close();
    this.pick(item);
  }

  click(event) {
    event.preventDefault(); // the box keeps the focus
    const option = event.target.closest(".option");
    if (option) this.choose([...this.list.children].indexOf(option));
  }

  key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown" && !this.isOpen) return event.preventDefault(), this.ask(0);
    if (!this.isOpen) return;
    const moves = { ArrowDown: this.at + 1, ArrowUp: this.at - 1 };
    if (event.key in moves && this.items.length) return event.preventDefault(), this.move(moves[event.key]);
    if (event.key === "Enter" && this.items.length) return event.preventDefault(), this.choose(this.at);
    if (event.key === "Tab" && this.items.length && this.tabPicks) this.choose(this.at);
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }
}

// 'Meera Iyer' with what was typed in bold, as nodes.
export function marked(words, query) {
  const at = words.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0 || !query) return [words];
  return [words.slice(0, at), element("mark", {}, words.slice(at, at + query.length)), words.slice(at + query.length)];
}
