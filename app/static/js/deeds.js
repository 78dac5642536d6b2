// What somebody has sent through htmx and waits for. Until it is answered nothing is drawn anew that would take its form away or come
// before its answer; and where they have gone on to something else meanwhile, the answer only says what happened.
import { text } from "./texts.js";
import { toast } from "./toast.js";

const underWay = new Set();
const sentAfter = new WeakMap(); // a question, and how many deeds were answered before it was asked
let answered = 0;

export function startDeeds() {
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (detail.requestConfig.verb === "get") sentAfter.set(detail.xhr, answered);
    else follow(detail);
  });
}

export const deedIn = (place) => [...underWay].find(({ form, target }) => target === place || place.contains(form));

// Whether it tells how things were before something that has been done since: it may have been on its way for longer.
export const isOutdated = (xhr) => sentAfter.get(xhr) < answered;

// After the answer, a failure too, has been drawn.
export function onceAnswered(deed, action) {
  deed.xhr.addEventListener("loadend", () => setTimeout(action), { once: true });
}

function follow({ xhr, target, requestConfig }) {
  const deed = { xhr, target, form: requestConfig.elt };
  underWay.add(deed);
  xhr.addEventListener("loadend", () => {
    answered += 1;
    underWay.delete(deed);
    if (!xhr.status && !deed.form.isConnected) toast(text("offline"), "bad"); // htmx tells it to the form, which is gone
  });
}

export const hasLeft = ({ verb, elt }) => verb !== "get" && !elt.isConnected;

// For an answer that must not take the place of what somebody has gone on to.
export function sayOnly(xhr) {
  if (xhr.status >= 400) {
    const words = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".notice p")?.textContent;
    return toast((xhr.getResponseHeader("HX-Retarget") && words) || text("failed"), "bad");
  }
  const happened = JSON.parse(xhr.getResponseHeader("HX-Trigger-After-Settle") ?? "{}");
  for (const [name, detail] of Object.entries(happened)) document.dispatchEvent(new CustomEvent(name, { detail }));
}
