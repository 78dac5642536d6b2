// The doctor's screen follows the queue and the visits; what the doctor does is sent and answered by htmx.
import { closeAct, isActing, keepWork, startActs } from "./desk_acts.js";
import { startClock } from "./desk_clock.js";
import { live } from "./live.js";
import { later, refresh, startPieces } from "./pieces.js";

const page = document.querySelector("[data-my-day]");
const now = document.getElementById("now");
// A form that is open stays; it asks again when it is closed.
const again = later(() => refresh(...(isActing(now) ? ["#my-visits"] : ["#now", "#my-visits"])));

startPieces();
startActs(now);
keepWork(now, isActing, () => true);
startClock(page);
live.join("subscribe", { doctorId: page.dataset.myDay });
live.join("subscribe", { topic: "appointments" });
live.on("queue", (state) => state.doctorId === page.dataset.myDay && again());
live.on("appointment", (change) => change.doctorId === page.dataset.myDay && again());
document.addEventListener("live:connected", again);
document.addEventListener("desk:changed", again);
document.addEventListener("change", (event) => event.target.closest("[data-sends-itself]")?.requestSubmit());
document.addEventListener("keydown", (event) => event.key === "Escape" && closeAct(now) && event.preventDefault());
now.addEventListener("desk:act-closed", again);
