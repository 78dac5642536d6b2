// The front desk: which visit is chosen, keys, live changes. The pieces themselves come from the server through htmx.
import { startActs, closeAct } from "./desk_acts.js";
import { startClock } from "./desk_clock.js";
import { startFollowing } from "./desk_live.js";
import { show, startPane } from "./desk_pane.js";
import { startPieces } from "./pieces.js";
import { SlotHold } from "./slot_hold.js";

const desk = document.querySelector("[data-desk]");
const pane = document.getElementById("pane");
let before = ""; // the visit that was shown last
let asked = ""; // the visit whose row was chosen, until the pane shows it
let notFound = ""; // what the search box did not find
let found = null; // the search box, once somebody was found
let seen = ""; // the visit whose row was brought into sight last
const hold = new SlotHold(() => pane.querySelector("[data-book-pane]"));
const rows = () => [...document.querySelectorAll("#visit-rows tr[data-visit]")];

startPieces();
startPane(pane);
startActs(pane);
startFollowing(desk, pane);
startClock(desk);
chosen();
showChosenTime();

document.addEventListener("click", (event) => {
  const row = event.target.closest("#visit-rows tr[data-visit]");
  if (event.defaultPrevented && event.target.closest("a[data-pane]")) asked = row?.dataset.visit ?? "";
  if (row) mark(row);
  if (row && !event.target.closest("a")) row.querySelector("a").click();
  if (event.target.closest("[data-pane-back]")) goBack();
});

document.addEventListener("change", (event) => {
  event.target.closest("[data-sends-itself]")?.requestSubmit();
  if (event.target.name === "slot") hold.follow();
});
document.addEventListener("keydown", onKey);

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "visit-rows") chosen();
  if (event.target.id === "pane") {
    chosen();
    showChosenTime();
    leaveSearch();
    pane.querySelector("[data-register-pane] [data-first], [data-book-pane] [data-first]")?.focus();
    fillIn();
  }
  if (event.target.id === "times" || event.target.id === "visit-times") showChosenTime();
  if (event.target.id === "pane" || event.target.id === "times") hold.follow();
});
// The form is gone by now, so that htmx tells it to the page; what was sent stands in the detail.
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.successful && detail.requestConfig.elt.matches("[data-book-pane]") && hold.forget());
hold.follow();

// The search box: a patient opens here, without leaving the page.
document.addEventListener("finder:pick", (event) => {
  const { kind, id, typed } = event.detail;
  asked = "";
  if (kind === "patient") {
    event.preventDefault();
    found = document.activeElement;
    show(pane, `/desk/patients/${id}`);
  } else if (kind === "register") {
    event.preventDefault();
    notFound = typed;
    show(pane, "/desk/patients/new");
  }
});

// A list that is drawn anew, or the answer before the last one, must not take back what the next key begins from.
function chosen() {
  const shown = pane.querySelector("[data-visit-pane]")?.dataset.visitPane;
  if (shown === asked) asked = "";
  const id = asked || shown;
  const row = rows().find((item) => item.dataset.visit === id);
  mark(row);
  if (row && id !== seen) bringIntoSight(row); // once: whoever looks elsewhere in the list meanwhile stays there
  seen = row ? id : "";
}

// Only the list scrolls, never the page.
function bringIntoSight(row) {
  const list = row.closest("[data-day-list]");
  const [line, frame] = [row.getBoundingClientRect(), list.getBoundingClientRect()];
  if (line.top >= frame.top && line.bottom <= frame.bottom) return;
  list.scrollTop += line.top - frame.top - (frame.height - line.height) / 2;
}

// Who was found is here: the next key is meant for their visit, unless somebody types on.
function leaveSearch() {
  if (found && found === document.activeElement && !found.value) {
    found.blur();
    document.querySelector("#visit-rows tr.on a")?.focus();
  }
  found = null;
}

function mark(chosenRow) {
  for (const row of rows()) {
    const on = row === chosenRow;
    row.classList.toggle("on", on);
    row.querySelector("a").toggleAttribute("aria-current", on);
    if (on) row.querySelector("a").setAttribute("aria-current", "true");
  }
}

// The grid shows a few rows: the chosen time must be among them. Only the grid scrolls, never the page.
function showChosenTime() {
  for (const input of pane.querySelectorAll(".slots input:checked")) {
    const grid = input.closest(".slots");
    grid.scrollTop = Math.max(0, input.parentElement.offsetTop - grid.offsetTop - grid.clientHeight / 2);
  }
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") return onEscape(event);
  if (event.target.matches?.("input, select, textarea") || event.target.closest?.("[data-menu], .nav")) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    choose(step);
  }
  const day = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
  if (day) {
    event.preventDefault();
    pane.querySelector(`[data-day-step="${day}"]:not(:disabled)`)?.click();
  }
}

function choose(step) {
  const all = rows();
  const at = all.findIndex((row) => row.classList.contains("on"));
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (!next || next === all[at]) return;
  mark(next); // at once; what it holds comes from the server
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a").click();
}

function onEscape(event) {
  if (closeAct(pane)) return event.preventDefault();
  if (pane.querySelector("[data-register-pane], [data-book-pane]")) {
    event.preventDefault();
    return goBack();
  }
  if (event.target.closest?.(".slots")) {
    event.preventDefault();
    pane.querySelector(".slots")?.closest("form").reset();
    event.target.blur();
  }
}

pane.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (target !== pane || detail.successful) return;
  asked = ""; // it did not come
  chosen();
});

document.addEventListener("htmx:beforeRequest", () => {
  before = pane.querySelector("[data-visit-pane]")?.dataset.visitPane ?? before;
});

// Back to the visit that was chosen before, or to whoever comes next.
function goBack() {
  const row = rows().find((item) => item.dataset.visit === before) ?? rows()[0];
  if (row) row.querySelector("a").click();
  else location.assign("/desk/");
}

// What was typed into the search box and not found becomes the new patient's name or telephone number.
function fillIn() {
  const form = pane.querySelector("[data-register-pane]");
  const typed = notFound;
  notFound = "";
  if (!form || !typed) return;
  if (/^[\d+][\d\s-]{4,}$/.test(typed)) {
    form.elements.phone.value = typed;
    return form.elements.firstName.focus();
  }
  const [first, ...rest] = typed.split(/\s+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  form.elements.firstName.value = first;
  form.elements.lastName.value = rest.join(" ");
  (rest.length ? form.elements.phone : form.elements.lastName).focus();
}
