// Waits and lateness grow without asking the server: the page knows since when.
const STEP = 20_000;
const minutesSince = (moment) => Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 60_000));

export function startClock(desk) {
  const tick = () => {
    for (const pill of document.querySelectorAll("[data-waiting-since]")) showWait(pill, desk.dataset);
    for (const pill of document.querySelectorAll("[data-late-since]")) showLateness(pill, desk.dataset);
  };
  document.addEventListener("htmx:afterSettle", tick);
  setInterval(tick, STEP);
}

function showWait(pill, words) {
  const minutes = minutesSince(pill.dataset.waitingSince);
  pill.firstElementChild.textContent = spoken(minutes, words);
  pill.firstElementChild.className = `pill ${minutes >= Number(words.tooLong) ? "bad" : minutes >= Number(words.long) ? "warn" : "ok"}`;
}

// Somebody who is expected becomes late some minutes after the appointed time.
function showLateness(cell, words) {
  const minutes = minutesSince(cell.dataset.lateSince);
  if (minutes < Number(words.lateAfter)) return;
  const pill = cell.firstElementChild;
  pill.className = "pill bad";
  pill.textContent = words.late.replace("{time}", spoken(minutes, words));
}

function spoken(minutes, words) {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return hours ? words.hours.replace("{hours}", hours).replace("{minutes}", String(rest).padStart(2, "0")) : words.minutes.replace("{minutes}", rest);
}
