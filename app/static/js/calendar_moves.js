// Moving a visit: asked first, told after, undone with one key. The server decides; a slot that was lost comes with free ones.
import { confirmed, openDialog } from "./dialogs.js";
import { element } from "./dom.js";
import { postJson } from "./http.js";
import { say } from "./calendar_words.js";

const TAKEN = "SLOT_TAKEN";
const STAY = 60_000;

export class Moves {
  constructor({ zone, changed }) {
    this.changed = changed;
    const locale = document.documentElement.lang === "hi" ? "hi-IN" : "en-IN";
    this.format = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.bar = document.querySelector("[data-undo-bar]");
    this.undoButton = this.bar.querySelector("[data-undo]");
    this.undoButton.addEventListener("click", () => this.undo());
  }

  words(at) {
    return this.format.format(new Date(at));
  }

  // `before` and `after` are {at, locationId, doctorId, words}. Whether it was moved; a refusal is thrown.
  async ask(visit, before, after) {
    const question = say("question", { patient: visit.patient, before: before.words, after: after.words });
    if (!(await confirmed(question, { label: say("move") }))) return false;
    return this.move(visit, before, after);
  }

  async move(visit, before, after) {
    const moved = await this.place(after, (to) => reschedule(visit, to, before));
    if (!moved) return false;
    this.last = { visit, before, after: moved };
    this.tell("moved", visit, moved, true);
    this.changed();
    return true;
  }

  async undo() {
    if (!this.last) return;
    const { visit, before, after } = this.last;
    this.last = null;
    this.undoButton.hidden = true;
    const moved = await this.place(before, (to) => reschedule(visit, to, after)).catch((problem) => this.say(problem.message));
    if (!moved) return;
    this.tell("undone", visit, moved, false);
    this.changed();
  }

  // Does `send` with the place, or with one that is offered instead; where it came to be, or null.
  async place(wanted, send) {
    for (let to = wanted; to; ) {
      try {
        await send(to);
        return to;
      } catch (problem) {
        if (problem.code !== TAKEN) throw problem;
        to = await this.choose(problem, wanted);
      }
    }
    return null;
  }

  // The free times that came with the refusal; null when none is taken.
  choose(problem, wanted) {
    const dialog = document.getElementById("taken");
    const free = problem.details.alternatives ?? [];
    dialog.querySelector("[data-taken-message]").textContent = problem.message;
    dialog.querySelector("[data-taken-lead]").textContent = say(free.length ? "free" : "nothingFree");
    let chosen = null;
    const buttons = free.map((slot, number) => {
      const label = this.words(slot.startsAt);
      const key = element("kbd", { "aria-hidden": "true" }, String(number + 1));
      const button = element("button", { class: "button", type: "button", "data-shortcut": number + 1 }, label, key);
      button.addEventListener("click", () => {
        chosen = { at: slot.startsAt, locationId: slot.locationId, doctorId: wanted.doctorId, words: label };
        dialog.close();
      });
      return button;
    });
    dialog.querySelector("[data-alternatives]").replaceChildren(...buttons);
    openDialog(dialog);
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(chosen), { once: true }));
  }

  tell(key, visit, to, undoable) {
    this.say(say(key, { patient: visit.patient, after: to.words }));
    this.undoButton.hidden = !undoable;
  }

  say(message) {
    clearTimeout(this.timer);
    if (message) this.timer = setTimeout(() => this.say(""), STAY);
    this.bar.querySelector("[data-undo-text]").textContent = message;
    this.undoButton.hidden = true;
  }
}

// Only from where it was seen: what somebody else has done since is not undone by the way.
function reschedule(visit, { at, doctorId, locationId }, from) {
  return postJson(`/api/v1/appointments/${visit.id}/reschedule`, { startsAt: at, doctorId, locationId, fromStartsAt: from.at, fromDoctorId: from.doctorId });
}
