// The doctor's screen follows the queue and the visits; what the doctor does is sent and answered by htmx.
import { startClock } from "./desk_clock.js";
import { live } from "./live.js";
import { later, refresh, startPieces } from "./pieces.js";

const page = document.querySelector("[data-my-day]");
const again = later(() => refresh("#now", "#my-visits"));

startPieces();
startClock(page);
live.join("subscribe", { doctorId: page.dataset.myDay });
live.join("subscribe", { topic: "appointments" });
live.on("queue", (state) => state.doctorId === page.dataset.myDay && again());
live.on("appointment", (change) => change.doctorId === page.dataset.myDay && again());
document.addEventListener("live:connected", again);
document.addEventListener("desk:changed", again);
document.addEventListener("change", (event) => event.target.closest("[data-sends-itself]")?.requestSubmit());
