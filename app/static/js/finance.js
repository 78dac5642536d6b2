// Finance's home follows the payments; decisions are sent and answered by htmx.
import { live } from "./live.js";
import { later, refresh, startPieces } from "./pieces.js";

const again = later(() => refresh("#finance-now"), 400);

startPieces();
live.join("subscribe", { topic: "payments" });
live.on("payment", again);
document.addEventListener("live:connected", again);
