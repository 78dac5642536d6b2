// Pieces of a page that htmx fetches: a form is sent once, its answer says what happened, its error stays beside it.
import { deedIn, hasLeft, isOutdated, onceAnswered, sayOnly, startDeeds } from "./deeds.js";
import { isPressed, onceReleased } from "./pointer.js";
import { text } from "./texts.js";
import { toast } from "./toast.js";

let leaving = false;

export function startPieces() {
  window.htmx.config.defaultSettleDelay = 0; // a new form works from the moment it is seen, also for the fastest key
  startDeeds();
  document.addEventListener("htmx:beforeRequest", setBusy(true));
  document.addEventListener("htmx:afterRequest", setBusy(false));
  document.addEventListener("htmx:beforeSwap", decide);
  document.addEventListener("htmx:afterSwap", (event) => event.target.querySelector("[data-fields]") && markFields(event.target));
  document.addEventListener("htmx:responseError", () => toast(text("failed"), "bad"));
  document.addEventListener("htmx:sendError", () => toast(text("offline"), "bad"));
  document.addEventListener("desk:said", (event) => toast(event.detail.text, "ok"));
}

export function refresh(...places) {
  for (const place of places) window.htmx.trigger(place, "refresh");
}

// Several reasons within a moment are one.
export function later(action, pause = 150) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, pause);
  };
}

function setBusy(busy) {
  return (event) => {
    if (!event.target.matches("form")) return;
    for (const button of event.target.querySelectorAll("[type=submit]")) button.disabled = busy;
  };
}

// An error comes as a piece of its own, with the place where it belongs; a lost session comes as the log-in page.
function decide(event) {
  const { xhr, requestConfig } = event.detail;
  if (new URL(xhr.responseURL || location.href, location.href).pathname.startsWith("/login")) {
    event.detail.shouldSwap = false;
    if (!leaving) location.reload(); // once, however many pieces were asked for
    leaving = true;
  } else if (hasLeft(requestConfig)) {
    event.detail.shouldSwap = event.detail.isError = false;
    sayOnly(xhr);
  } else if (xhr.status < 400) {
    if (requestConfig.verb === "get") return drawOrPutOff(event); // and says nothing about an earlier error
    for (const place of document.querySelectorAll("[data-problem]")) place.replaceChildren();
  } else {
    event.detail.shouldSwap = Boolean(xhr.getResponseHeader("HX-Retarget"));
    event.detail.isError = !event.detail.shouldSwap;
  }
}

// A list that refreshes by itself must not take away the form that somebody is just being asked about, nor what they press. Neither
// may it come before the answer to what they have sent, nor tell after it how things were before: the next key would be lost.
function drawOrPutOff(event) {
  const { target: place, xhr } = event.detail;
  const putOff = whatToWaitFor(place, xhr);
  if (!putOff) return;
  event.detail.shouldSwap = false;
  putOff(() => refresh(place));
}

function whatToWaitFor(place, xhr) {
  const dialog = document.getElementById("confirm");
  if (dialog?.open) return (again) => dialog.addEventListener("close", () => setTimeout(again), { once: true });
  if (!place.matches("[hx-trigger=refresh]")) return null;
  if (isPressed(place)) return onceReleased;
  const deed = deedIn(place);
  if (deed) return (again) => onceAnswered(deed, again);
  return isOutdated(xhr) ? setTimeout : null;
}

function markFields(place) {
  const fields = Object.keys(JSON.parse(place.querySelector("[data-fields]").dataset.fields));
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  const form = [...document.querySelectorAll("main form:not([hidden])")].find((item) => fields.some((name) => item.elements[name]));
  const wrong = fields.map((name) => form?.elements[name]).filter((input) => input instanceof Element);
  wrong.forEach((input) => input.setAttribute("aria-invalid", "true"));
  wrong[0]?.focus();
}
