// The waiting-room board. The whole board comes on subscribing, one queue with every move; what is older than the screen is
// dropped, and whoever was called while the line was down is announced when it is back.
import { element } from "./dom.js";
import { live } from "./live.js";

const MOST_NEXT = 5;
const CALLING = 15000;
const settings = JSON.parse(document.getElementById("board").textContent);
const grid = document.querySelector(".board-grid");
const soundButton = document.querySelector("[data-sound]");
const fullButton = document.querySelector("[data-full]");
const queues = new Map();
let audio;

live.join("subscribe", { board: settings.location });
live.on("board", (board) => {
  const before = new Map(queues);
  queues.clear();
  for (const queue of board.queues) take(queue, before.get(queue.doctorId));
  draw();
});
live.on("queue", (state) => {
  const known = queues.get(state.doctorId);
  // A doctor who was not on the board yet, a new day, or a change that did not arrive: only the whole board tells all.
  const missed = state.previous != null && state.previous > known?.revision;
  if (!known || state.day !== known.day || missed) return live.emit("subscribe", { board: settings.location });
  if (state.revision < known.revision) return;
  take({ ...known, ...state }, known);
  draw();
});

function take(queue, known) {
  const isNew = known && known.day === queue.day && queue.current && (queue.current !== known.current || queue.calls > known.calls);
  queues.set(queue.doctorId, { ...queue, calledAt: isNew ? Date.now() : known?.calledAt });
  if (isNew) announce(queue.current, queue.doctor);
}

function draw() {
  const panels = [...queues.values()].map(panel);
  grid.replaceChildren(...(panels.length ? panels : [element("p", { class: "soft" }, settings.nobody)]));
}

function panel(queue) {
  const calling = Date.now() - (queue.calledAt ?? 0) < CALLING;
  if (calling) setTimeout(draw, CALLING - (Date.now() - queue.calledAt) + 50);
  const title = element("h2", {}, queue.doctor);
  if (queue.room) title.append(" ", element("span", {}, `· ${queue.room}`));
  // Another desk's call does not take away the number of whom was called before and has not gone in yet.
  const called = queue.tokens.filter((token) => token.status === "CALLED" && token.number !== queue.current);
  const waiting = queue.tokens.filter((token) => token.status === "WAITING").slice(0, MOST_NEXT);
  return element(
    "section",
    { class: calling ? "board-panel called" : "board-panel" },
    title,
    element("p", { class: "board-now", "aria-live": "polite" }, queue.current ?? "–"),
    element("ul", { class: "board-next" }, ...called.map(calledLine), ...waiting.map(line)),
  );
}

function calledLine(token) {
  return element("li", {}, token.number, element("span", {}, settings.called));
}

function line(token) {
  return element("li", {}, token.number, element("span", {}, settings.wait.replace("{minutes}", token.waitMinutes)));
}

// Browsers play sound only after somebody has touched the page, unless they were told that they may (a screen on the wall).
const sound = window.AudioContext && new AudioContext();
if (sound?.state === "running") audio = sound;
soundButton.hidden = !sound || Boolean(audio);
soundButton.addEventListener("click", () => {
  audio = sound;
  audio.resume();
  soundButton.hidden = true;
  chime();
});

fullButton.hidden = !document.fullscreenEnabled;
fullButton.addEventListener("click", () => document.documentElement.requestFullscreen());
document.addEventListener("fullscreenchange", () => (fullButton.hidden = Boolean(document.fullscreenElement)));

// The same call in each language of the clinic, one after the other; "A-07" is spoken as "A 7".
function announce(number, doctor) {
  if (!audio) return;
  chime();
  if (!window.speechSynthesis) return;
  for (const { language, call } of settings.voices) {
    const speech = new SpeechSynthesisUtterance(call.replace("{number}", spoken(number)).replace("{doctor}", doctor));
    speech.lang = language;
    speech.voice = window.speechSynthesis.getVoices().find((voice) => voice.lang.replace("_", "-") === language) ?? null;
    window.speechSynthesis.speak(speech);
  }
}

const spoken = (number) => number.replace(/-0*/, " ");

function chime() {
  [784, 587].forEach((pitch, number) => {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + number * 0.35;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.25, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.6);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.6);
  });
}
