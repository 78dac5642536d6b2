// The waiting-room clock, in the clinic's zone whatever the screen's own.
import { startLive } from "./live.js";

for (const face of document.querySelectorAll("[data-clock]")) {
  const format = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: face.dataset.clock });
  const tick = () => (face.textContent = format.format(new Date()));
  tick();
  setInterval(tick, 1000);
}
startLive();
