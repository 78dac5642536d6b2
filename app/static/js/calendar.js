// The calendar's page: draws its data, moves and books through the API, follows what others do.
import { Dialogs } from "./calendar_dialogs.js";
import { Grid } from "./calendar_grid.js";
import { Keys } from "./calendar_keys.js";
import { Moves } from "./calendar_moves.js";
import { say } from "./calendar_words.js";
import { element } from "./dom.js";
import { getJson } from "./http.js";
import { live } from "./live.js";
import { later } from "./pieces.js";
import { onceReleased } from "./pointer.js";
import { toast } from "./toast.js";

const MINUTE = 60_000;
const scroll = document.querySelector("[data-calendar]");
const { zone, moves: mayMove, books: mayBook, source, script, visitPage } = scroll.dataset;
const dayOf = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
const timeOf = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
let data = placed(JSON.parse(document.getElementById("calendar-data").textContent));
let hands = 0; // how many reasons there are not to redraw: something is pressed, a visit in somebody's hand, a question
let missed = false;
let asked = 0;
let drawn = ""; // the data that the grid shows; nothing, once a visit stands where a hand put it

const again = later(reload, 250);
const moves = new Moves({ zone, changed: reload });
const dialogs = new Dialogs({ moves, changed: reload });
const keys = new Keys(scroll, { find: () => data.visits, move: (id) => mayMove && dialogs.openVisit(id, { moving: true }) });
const grid = new Grid(scroll.querySelector("[data-grid]"), {
  moves: Boolean(mayMove),
  visitPage,
  open: (visit) => dialogs.openVisit(visit.id),
  dragging: (on) => hold(on),
  dropped: onDrop,
  picked: (slot) => mayBook && slot && dialogs.openBooking(slot),
  drawn: (id, element) => keys.drawn(id, element),
});

await load(script);
draw();
showNow();
followOthers();
setInterval(() => grid.showNow(timeOf.format(new Date())), MINUTE);
document.querySelector("[data-book]")?.addEventListener("click", () => dialogs.openBooking(data.columns[0]));
scroll.addEventListener("pointerdown", whilePressed, { capture: true });
dialogs.dialog.addEventListener("dialog:open", () => keys.leave());
dialogs.dialog.addEventListener("close", () => keys.comeBack());
startFilters(document.querySelector("[data-calendar-filters]"));

// A choice asks for its page at once; a date that is being typed is complete when one leaves the field or presses Enter.
function startFilters(form) {
  const date = form.elements.on;
  let typed = false;
  date.addEventListener("keydown", () => (typed = true));
  date.addEventListener("blur", () => typed && date.value !== date.defaultValue && form.requestSubmit());
  form.addEventListener("change", ({ target }) => {
    if (target.type !== "checkbox" && !(target === date && typed)) form.requestSubmit();
  });
}

function load(address) {
  return new Promise((resolve, reject) => {
    const tag = element("script", { src: address });
    tag.addEventListener("load", resolve);
    tag.addEventListener("error", reject);
    document.head.append(tag);
  });
}

// What others changed: the visits, without the hours, unless one of them has no column yet.
async function reload() {
  const now = await ask("visits");
  if (!now) return;
  const notes = new Map(now.columns.map((column) => [placeOf(column), column.note]));
  const merged = placed({ ...now, columns: data.columns.map((column) => ({ ...column, note: notes.get(placeOf(column)) ?? column.note })) });
  if (merged.visits.some((visit) => visit.column === undefined)) return reloadAll();
  take(merged);
}

// After a lost connection nobody knows what was missed.
async function reloadAll() {
  const now = await ask("");
  if (now) take(placed(now));
}

async function ask(part) {
  missed = hands > 0;
  if (missed) return null;
  const address = new URL(source, location.href);
  address.search = location.search;
  address.searchParams.set("part", part);
  const mine = ++asked;
  const now = await getJson(address.href).catch(() => null);
  if (hands) missed = true;
  return hands || mine !== asked ? null : now; // an answer that was overtaken is old
}

function take(now) {
  if (timeless(now) === drawn) return;
  const known = new Map(data.visits.map((visit) => [visit.id, JSON.stringify(visit)]));
  grid.fresh = new Set(now.visits.filter((visit) => known.get(visit.id) !== JSON.stringify(visit)).map((visit) => visit.id));
  data = now;
  draw();
}

function placed(now) {
  const places = new Map(now.columns.map((column, number) => [placeOf(column), number]));
  return { ...now, visits: now.visits.map((visit) => ({ ...visit, column: places.get(placeOf(visit)) })) };
}

function placeOf({ doctorId, on }) {
  return `${doctorId} ${on}`;
}

function draw() {
  keys.beforeDrawing(data.visits);
  grid.show(data);
  drawn = timeless(data);
}

// The line of the present moves by itself.
function timeless(shown) {
  return JSON.stringify({ ...shown, now: "" });
}

function hold(on) {
  hands += on ? 1 : -1;
  if (!hands && missed) again();
}

// A visit that is drawn anew between the press and the first movement would be moved and stay as well.
function whilePressed({ button }) {
  if (button) return; // a context menu keeps its release to itself
  hold(true);
  onceReleased(() => hold(false));
}

async function onDrop(visit, slot) {
  const column = data.columns[visit.column];
  const before = { at: visit.at, locationId: visit.locationId, doctorId: column.doctorId, words: `${column.spoken}, ${visit.from}` };
  const stays = slot && slot.at === visit.at && slot.doctorId === column.doctorId;
  hold(true);
  drawn = "";
  let moved = false;
  try {
    if (!slot) toast(say("closed"), "bad");
    else if (!stays) moved = await moves.ask(visit, before, slot);
  } catch (problem) {
    toast(Object.values(problem.details?.fields ?? {})[0] || problem.message, "bad");
  }
  if (!moved) draw();
  hold(false);
}

// A change concerns the page when the visit is on it, or comes onto it.
function followOthers() {
  const chosen = new URLSearchParams(location.search).getAll("doctor").filter(Boolean);
  const concerns = ({ id, doctorId, startsAt }) =>
    data.visits.some((visit) => visit.id === id) ||
    (data.days.includes(dayOf.format(new Date(startsAt))) && (!chosen.length || chosen.includes(doctorId)));
  live.join("subscribe", { topic: "appointments" });
  live.on("appointment", (change) => concerns(change) && again());
  let connected = false;
  document.addEventListener("live:connected", () => {
    connected ? reloadAll() : again();
    connected = true;
  });
}

// The page opens where the day is now.
function showNow() {
  const line = scroll.querySelector(".now-line");
  if (line) scroll.scrollTop += line.getBoundingClientRect().top - scroll.getBoundingClientRect().top - scroll.clientHeight / 3;
}
