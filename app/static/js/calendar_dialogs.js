// The calendar's two dialogs: a visit, which can be moved by choosing a time, and the booking of a free one.
import { mount } from "./console.js";
import { openDialog } from "./dialogs.js";
import { postJson } from "./http.js";
import { say } from "./calendar_words.js";
import { SlotHold } from "./slot_hold.js";
import { text } from "./texts.js";
import { toast } from "./toast.js";

export class Dialogs {
  constructor({ moves, changed }) {
    this.moves = moves;
    this.changed = changed;
    this.dialog = document.getElementById("calendar-dialog");
    this.dialog.addEventListener("click", (event) => this.onClick(event));
    this.hold = new SlotHold(() => this.dialog.querySelector('[data-placing="book"]'));
    this.dialog.addEventListener("change", (event) => this.onChange(event));
    this.dialog.addEventListener("close", () => this.onClose());
    this.dialog.addEventListener("submit", (event) => this.onSubmit(event));
  }

  get isOpen() {
    return this.dialog.open;
  }

  async openVisit(id, { moving = false } = {}) {
    if (!(await this.fill(`/calendar/visits/${id}`))) return;
    if (moving) (this.dialog.querySelector(".slots input:checked") ?? this.dialog.querySelector(".slots input:not(:disabled)") ?? this.form?.elements.doctorId)?.focus();
  }

  async openBooking({ doctorId, at = "", on }) {
    await this.fill(`/calendar/new?${new URLSearchParams({ doctorId, at, on })}`);
  }

  get form() {
    return this.dialog.querySelector("[data-placing]");
  }

  async fill(address) {
    const piece = await fetchPiece(address);
    if (piece === null) return false;
    this.dialog.innerHTML = piece;
    mount(this.dialog);
    openDialog(this.dialog);
    showChosen(this.dialog);
    this.hold.follow();
    return true;
  }

  onChange({ target }) {
    if (target.matches("[name=doctorId], [name=type]")) this.times();
    else this.hold.follow();
  }

  onClose() {
    this.dialog.replaceChildren();
    this.hold.follow();
  }

  onClick(event) {
    const arrow = event.target.closest("[data-to]");
    if (!arrow) return;
    this.form.elements.on.value = arrow.dataset.to;
    this.times(arrow.getAttribute("aria-label"));
  }

  // The grid of another doctor, kind or date; the arrow that was pressed keeps the focus.
  async times(pressed) {
    const form = this.form;
    // Nothing about the patient goes into an address.
    const asked = new URLSearchParams([...new FormData(form)].filter(([name]) => ["doctorId", "on", "type"].includes(name)));
    const place = form.querySelector("[data-times-place]");
    this.wait(form, true);
    for (const input of place.querySelectorAll("[name=slot]")) input.disabled = true; // nobody chooses from a grid that is about to go
    const piece = await fetchPiece(`${form.dataset.times}${form.dataset.times.includes("?") ? "&" : "?"}${asked}`);
    this.wait(form, false);
    if (piece === null) return;
    const kind = place.contains(document.activeElement) && document.activeElement.name === "type";
    place.innerHTML = piece;
    form.querySelector("[data-problem]").replaceChildren();
    if (typeof pressed === "string") [...place.querySelectorAll("[data-to]")].find((item) => item.getAttribute("aria-label") === pressed)?.focus();
    if (kind) place.querySelector("[name=type]:checked")?.focus();
    showChosen(this.dialog);
    this.hold.follow();
  }

  wait(form, on) {
    form.querySelector("[type=submit]").disabled = on;
  }

  async onSubmit(event) {
    event.preventDefault();
    const form = event.target;
    const chosen = form.elements.slot?.value;
    if (!chosen) return;
    const [at, locationId] = chosen.split("|");
    const after = { at, locationId, doctorId: form.elements.doctorId.value, words: this.moves.words(at) };
    form.querySelector("[data-problem]").replaceChildren();
    this.wait(form, true);
    try {
      const done = form.dataset.placing === "move" ? await this.move(form, after) : await this.book(form, after);
      if (done) this.dialog.close();
    } catch (problem) {
      this.refuse(form, problem);
    } finally {
      this.wait(form, false);
    }
  }

  move(form, after) {
    const { visit: id, patient, doctor: doctorId, location: locationId, at } = form.closest("[data-visit]").dataset;
    if (Date.parse(at) === Date.parse(after.at) && doctorId === after.doctorId && locationId === after.locationId) return true;
    return this.moves.move({ id, patient }, { at, doctorId, locationId, words: this.moves.words(at) }, after);
  }

  async book(form, after) {
    const { patientId, notes, address, type } = Object.fromEntries(new FormData(form));
    const patient = form.querySelector("#placing-patient").value;
    const send = (to) => postJson("/api/v1/appointments", { patientId, doctorId: to.doctorId, type, startsAt: to.at, locationId: to.locationId, notes, address });
    const booked = await this.moves.place(after, send);
    if (!booked) return false;
    this.hold.forget();
    this.moves.say(say("booked", { patient, after: booked.words }));
    this.changed();
    return true;
  }

  refuse(form, problem) {
    const words = Object.values(problem.details?.fields ?? {}).join(" ") || problem.message;
    const note = document.createElement("div");
    note.className = "notice bad";
    note.textContent = words;
    form.querySelector("[data-problem]").replaceChildren(note);
  }
}

async function fetchPiece(address) {
  const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
  if (answer?.ok && !new URL(answer.url).pathname.startsWith("/login")) return answer.text();
  if (answer?.redirected) location.reload();
  toast(text(answer ? "failed" : "offline"), "bad");
  return null;
}

// The grid of times scrolls by itself: the chosen one must be in sight.
function showChosen(dialog) {
  const input = dialog.querySelector(".slots input:checked");
  const grid = input?.closest(".slots");
  if (grid) grid.scrollTop = Math.max(0, input.parentElement.offsetTop - grid.offsetTop - grid.clientHeight / 2);
}
