// The time that is chosen in a booking form is kept while the form is filled in, for the clinic's minutes: others see it as
// taken. Whoever was a moment later is told at once, and the next free time is chosen. The booking itself has the last word.
import { postJson } from "./http.js";
import { later } from "./pieces.js";
import { meta } from "./dom.js";
import { toast } from "./toast.js";

const HOLDS = "/api/v1/slot-holds";
const TAKEN = "SLOT_TAKEN";
const GONE = 404;

export class SlotHold {
  // `find` gives the form that is being filled in, with doctorId, type, slot and perhaps a patient, or null.
  constructor(find) {
    this.find = find;
    this.held = null; // {id, doctorId}
    this.key = "";
    this.turn = Promise.resolve(); // one request after the other: the last choice is the one that stays
    this.follow = later(() => (this.turn = this.turn.then(() => this.keep())), 200);
    addEventListener("pagehide", () => this.drop());
  }

  // Booked: the visit takes the place of what was held for it.
  forget() {
    this.held = null;
  }

  async keep() {
    const form = this.find();
    const wish = form && wishOf(form);
    const key = wish ? JSON.stringify(wish) : "";
    if (key === this.key) return;
    if (form) tell(form, "");
    if (!wish || (this.held && this.held.doctorId !== wish.doctorId)) await this.drop();
    this.key = key; // not before: what is given back is forgotten with its key
    if (wish) await this.ask(form, wish);
  }

  // Of each doctor one holds one time: another choice replaces the one before.
  async ask(form, wish) {
    try {
      const hold = await postJson(HOLDS, wish);
      this.held = { id: hold.id, doctorId: wish.doctorId };
      if (!form.isConnected) return this.follow();
      tell(form, hold.expiresAt);
    } catch (problem) {
      if (problem.code !== TAKEN || !form.isConnected || form.querySelector("[type=submit]").disabled) return;
      toast(problem.message, "warn");
      strike(form);
      this.follow();
    }
  }

  async drop() {
    const { held } = this;
    this.held = null;
    this.key = "";
    if (!held) return;
    const answer = await fetch(`${HOLDS}/${held.id}`, {
      method: "DELETE",
      keepalive: true, // also when the page is left
      credentials: "same-origin",
      headers: { "X-CSRFToken": meta("csrf-token") },
    }).catch(() => null);
    if (answer && !answer.ok && answer.status !== GONE) this.held = held;
  }
}

function wishOf(form) {
  const chosen = form.querySelector("[name=slot]:checked")?.value;
  const { doctorId, type, patientId } = Object.fromEntries(new FormData(form));
  if (!chosen || !doctorId || !type) return null;
  const [startsAt, locationId] = chosen.split("|");
  return { doctorId, type, startsAt, locationId, patientId: form.dataset.patient || patientId || null };
}

function tell(form, until) {
  const note = form.querySelector("[data-kept]");
  if (!note) return;
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: note.dataset.zone, hour: "2-digit", minute: "2-digit" });
  note.textContent = until ? note.dataset.kept.replace("{time}", clock.format(new Date(until))) : "";
}

// Somebody else has it: the next free time of the grid is chosen instead.
function strike(form) {
  const times = [...form.querySelectorAll("[name=slot]")];
  const lost = times.find((input) => input.checked);
  if (!lost) return;
  const focused = lost === document.activeElement;
  const next = times.slice(times.indexOf(lost) + 1).find((input) => !input.disabled);
  lost.checked = false;
  lost.disabled = true;
  lost.closest("label").classList.add("no");
  if (!next) return;
  next.checked = true;
  if (focused) next.focus();
}
