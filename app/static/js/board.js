// The waiting-room board. The whole board comes on subscribing, one queue with every move; what is older than the screen is dropped.
import { element } from "./dom.js";
import { live } from "./live.js";

const MOST_NEXT = 5;
const CALLING = 15000;
const settings = JSON.parse(document.getElementById("board").textContent);
const grid = document.querySelector(".board-grid");
const soundButton = document.querySelector("[data-sound]");
const queues = new Map();
let audio;

live.join("subscribe", { board: settings.location });
live.on("board", (board) => {
  queues.clear();
  for (const queue of board.queues) queues.set(queue.doctorId, queue);
  draw();
});
live.on("queue", (state) => {
  const known = queues.get(state.doctorId);
  // A doctor who was not on the board yet, or a new day: only the whole board has the names.
  if (!known || state.day !== known.day) return live.emit("subscribe", { board: settings.location });
  if (state.revision < known.revision) return;
  const called = state.current && state.current !== known.current;
  const recalled = state.current === known.current && state.calls > known.calls;
  queues.set(state.doctorId, { ...known, ...state, calledAt: called || recalled ? Date.now() : known.calledAt });
  draw();
  if (called || recalled) announce(state.current, known.doctor);
});

function draw() {
  const panels = [...queues.values()].map(panel);
  grid.replaceChildren(...(panels.length ? panels : [element("p", { class: "soft" }, settings.nobody)]));
}

function panel(queue) {
  const calling = Date.now() - (queue.calledAt ?? 0) < CALLING;
  if (calling) setTimeout(draw, CALLING - (Date.now() - queue.calledAt) + 50);
  const title = element("h2", {}, queue.doctor);
  if (queue.room) title.append(" ", element("span", {}, `· ${queue.room}`));
  const waiting = queue.tokens.filter((token) => token.status === "WAITING").slice(0, MOST_NEXT);
  return element(
    "section",
    { class: calling ? "board-panel called" : "board-panel" },
    title,
    element("p", { class: "board-now", "aria-live": "polite" }, queue.current ?? "–"),
    element("ul", { class: "board-next" }, ...waiting.map(line)),
  );
}

function line(token) {
  return element("li", {}, token.number, element("span", {}, settings.wait.replace("{minutes}", token.waitMinutes)));
}

// Browsers play sound only after somebody has touched the page.
soundButton.hidden = !window.AudioContext;
soundButton.addEventListener("click", () => {
  audio = new AudioContext();
  soundButton.hidden = true;
  chime();
});

function announce(number, doctor) {
  if (!audio) return;
  chime();
  if (!window.speechSynthesis) return;
  const words = settings.voice.replace("{number}", number.replace("-", " ")).replace("{doctor}", doctor);
  const speech = new SpeechSynthesisUtterance(words);
  speech.lang = settings.language;
  window.speechSynthesis.speak(speech);
}

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
