// toast("Saved", "ok"): a note in the corner. Errors stay until closed, others leave after six seconds.
import { element, icon } from "./dom.js";
import { text } from "./texts.js";

const STAY = 6000;

export function toast(message, tone = "info") {
  const box = document.querySelector("[data-toasts]");
  if (!box) return;
  const close = element("button", { type: "button", class: "notice-close", "aria-label": text("close") }, icon("close"));
  const note = element("div", { class: `toast ${tone}` }, element("div", {}, message), close);
  close.addEventListener("click", () => note.remove());
  box.append(note);
  if (tone !== "bad") setTimeout(() => note.remove(), STAY);
}
