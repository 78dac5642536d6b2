// Changes made by others arrive over the socket; the page then asks for its own pieces again, with its own permission.
import { deedIn, isOutdated, onceAnswered } from "./deeds.js";
import { isActing, keepWork } from "./desk_acts.js";
import { isLoading, show } from "./desk_pane.js";
import { live } from "./live.js";
import { later, refresh } from "./pieces.js";

export function startFollowing(desk, pane) {
  let stale = false;
  const lists = later(() => refresh("#visit-rows", "#queue"));
  const whole = later(() => {
    if (isLoading(pane)) pane.addEventListener("htmx:afterRequest", whole, { once: true }); // perhaps something else by then
    else if (deedIn(pane)) onceAnswered(deedIn(pane), whole);
    else if (isBusy(pane)) stale = true;
    else reload(pane);
  });

  for (const location of desk.dataset.locations.split(" ").filter(Boolean)) live.join("subscribe", { board: location });
  live.join("subscribe", { topic: "appointments" });
  if ("money" in desk.dataset) live.join("subscribe", { topic: "payments" });

  live.on("queue", lists);
  live.on("appointment", (change) => {
    lists();
    if (change.id === shown(pane)?.dataset.visitPane) whole();
  });
  live.on("payment", (change) => {
    lists();
    if (change.invoiceId && change.invoiceId === shown(pane)?.dataset.invoice) whole();
  });
  // After a lost connection nobody knows what was missed. The first one can have missed only a moment: the shown visit is asked
  // for again if its row turns out to have changed.
  let connected = false;
  let catchingUp = false;
  document.addEventListener("live:connected", () => {
    lists();
    if (connected) whole();
    catchingUp = !connected;
    connected = true;
  });
  document.addEventListener("desk:changed", lists);
  keepWork(pane, (place, xhr) => deedIn(place) || isOutdated(xhr) || isWorking(place), (path) => path === address(pane), whole);
  pane.addEventListener("desk:act-closed", () => stale && ((stale = false), reload(pane)));
  markChanges((changed) => {
    if (catchingUp && changed.has(shown(pane)?.dataset.visitPane)) whole();
    catchingUp = false;
  });
}

const shown = (pane) => pane.querySelector("[data-visit-pane]");

// While somebody types or has chosen another time, their work stays.
function isWorking(pane) {
  return isActing(pane) || Boolean(pane.querySelector(".slots input:checked:not([data-own])"));
}

function isBusy(pane) {
  return isWorking(pane) || Boolean(pane.querySelector(".htmx-request"));
}

function address(pane) {
  const visit = shown(pane)?.dataset.visitPane;
  return visit && `/desk/visits/${visit}`;
}

function reload(pane) {
  if (address(pane)) show(pane, address(pane));
}

// A row that reads differently than before lights up for a moment.
function markChanges(tell) {
  const words = () => new Map([...document.querySelectorAll("#visit-rows tr[data-visit]")].map((row) => [row.dataset.visit, row.textContent.replace(/\s+/g, " ")]));
  let known = words();
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "visit-rows") return;
    const now = words();
    const changed = new Set([...now.keys()].filter((id) => known.get(id) !== now.get(id)));
    for (const id of changed) document.querySelector(`#visit-rows tr[data-visit="${id}"]`).classList.add("fresh");
    known = now;
    tell(changed);
  });
}
