// A doctor's week: puts blocks where their minutes are, goes through them by keys, and fills the one dialog.
import { openDialog } from "./dialogs.js";

const grid = document.querySelector("[data-week]");
const dialog = document.getElementById("week-dialog");
const form = dialog?.querySelector("form");
const STEP = 30; // minutes that a click on free time is rounded to

place();
document.querySelector("[data-week-filter]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());
grid.addEventListener("keydown", onKey);
if (dialog) startDialog();

function place() {
  const { opens, closes } = grid.dataset;
  grid.style.setProperty("--opens", opens);
  grid.style.setProperty("--closes", closes);
  for (const hour of grid.querySelectorAll("[data-at]")) hour.style.setProperty("--begins", hour.dataset.at);
  for (const block of grid.querySelectorAll("[data-begins]")) {
    block.style.setProperty("--begins", Math.max(block.dataset.begins, opens));
    block.style.setProperty("--ends", Math.min(block.dataset.ends, closes));
  }
  grid.classList.add("is-placed");
}

function onKey(event) {
  const block = event.target.closest("[data-week-block]");
  if (!block) return;
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    openBlock(block);
    form.requestSubmit(dialog.querySelector("[data-week-remove]"));
    return;
  }
  const next = neighbour(block, event.key);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

// Up and down stay in the day; left and right go to what is nearest in time on the next day that has anything.
function neighbour(block, key) {
  const days = [...grid.querySelectorAll("[data-week-day]")].map((day) => [...day.querySelectorAll("[data-week-block]")]);
  const day = days.findIndex((blocks) => blocks.includes(block));
  const place = days[day].indexOf(block);
  if (key === "ArrowUp") return days[day][place - 1];
  if (key === "ArrowDown") return days[day][place + 1];
  if (key !== "ArrowLeft" && key !== "ArrowRight") return null;
  const others = key === "ArrowRight" ? days.slice(day + 1) : days.slice(0, day).reverse();
  const begins = (item) => Number(item.closest("[data-begins]").dataset.begins);
  const nearest = (blocks) => blocks.toSorted((a, b) => Math.abs(begins(a) - begins(block)) - Math.abs(begins(b) - begins(block)))[0];
  return nearest(others.find((blocks) => blocks.length) ?? []);
}

function startDialog() {
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-week-add]");
    const block = event.target.closest("[data-week-block]");
    const day = event.target.closest("[data-week-day]");
    if (add) openNew(add.dataset.weekAdd, add.dataset.weekday);
    else if (block) openBlock(block);
    else if (day && !event.target.closest(".week-block")) openNew(day.dataset.weekDay, day.dataset.weekday, timeAt(day, event.clientY));
  });
  form.addEventListener("change", (event) => event.target.name === "kind" && showFields());
  const remove = dialog.querySelector("[data-week-remove]");
  remove.dataset.confirm = dialog.dataset.remove;
  remove.dataset.confirmLabel = dialog.dataset.removeLabel;
  remove.dataset.confirmDanger = "";
  if (dialog.dataset.draft) openDraft(JSON.parse(dialog.dataset.draft));
}

function openNew(on, weekday = 0, begins = null) {
  const first = on || grid.querySelector("[data-week-day]").dataset.weekDay;
  const times = begins === null ? { opens: "09:00", closes: "13:00" } : { opens: clock(begins), closes: clock(Math.min(begins + 120, 1439)) };
  const usual = { kind: "weekly", weekday, starts_on: first, ends_on: first, slot_minutes: dialog.dataset.usualMinutes, capacity: 1 };
  open({ ...usual, ...times, place: form.elements.place.options[1]?.value, types: null, action: dialog.dataset.add }, true);
}

function openBlock(block) {
  open({ ...JSON.parse(block.dataset.values), action: block.dataset.address }, false);
}

// What was typed and refused; a change keeps its kind.
function openDraft(draft) {
  const adding = draft.action === dialog.dataset.add;
  const kind = draft.kind ?? draft.action.split("/").at(-2);
  open({ ...draft, kind }, adding, true);
}

function open(values, adding, refused = false) {
  const problem = dialog.querySelector("[data-week-problem]");
  if (problem) problem.hidden = !refused;
  dialog.querySelector("h2").textContent = adding ? dialog.dataset.titleAdd : dialog.dataset.titleChange;
  dialog.querySelector("[data-week-kinds]").hidden = !adding;
  const remove = dialog.querySelector("[data-week-remove]");
  remove.hidden = adding;
  remove.formAction = `${values.action}/delete`;
  form.action = values.action;
  fill(values);
  showFields();
  openDialog(dialog);
  (adding ? form.querySelector("[name=kind]:checked") : form.elements.opens).focus();
}

function fill(values) {
  for (const field of form.elements) {
    if (field.name === "types") field.checked = values.types?.includes(field.value) ?? true;
    else if (field.name === "kind") field.checked = field.value === values.kind;
    else if (field.name && !["csrf_token", "week"].includes(field.name)) field.value = values[field.name] ?? "";
  }
}

function showFields() {
  const kind = form.elements.kind.value;
  for (const part of form.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(kind);
    for (const field of part.matches("option") ? [part] : part.querySelectorAll("input, select")) field.disabled = part.hidden;
  }
  if (kind !== "closed" && !form.elements.place.value) form.elements.place.selectedIndex = 1;
  for (const name of ["opens", "closes"]) form.elements[name].required = kind !== "closed";
}

function timeAt(day, y) {
  const box = day.getBoundingClientRect();
  const { opens, closes } = grid.dataset;
  const minutes = Number(opens) + ((y - box.top) / box.height) * (closes - opens);
  return Math.floor(minutes / STEP) * STEP;
}

function clock(minutes) {
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}
