// The location's page follows its visits, its queues and its money.
import { live } from "./live.js";
import { later, refresh, startPieces } from "./pieces.js";

const place = document.getElementById("location-now");
const again = later(() => refresh("#location-now"), 400);

startPieces();
live.join("subscribe", { topic: "appointments" });
live.join("subscribe", { topic: "payments" });
live.join("subscribe", { board: place.dataset.location });
live.on("appointment", (change) => change.locationId === place.dataset.location && again());
live.on("payment", again);
live.on("queue", again);
document.addEventListener("live:connected", again);
document.addEventListener("change", (event) => event.target.closest("[data-sends-itself]")?.requestSubmit());
setInterval(again, 60_000); // waits grow
