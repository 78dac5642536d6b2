// The page of a bulk run follows its rows; when the run is over it is loaded once more, with what failed.
import { live, startLive } from "./live.js";

const card = document.querySelector("[data-bulk-run]");
const bar = card?.querySelector("[data-bulk-bar]");

function show(news) {
  if (news.id !== card.dataset.bulkRun) return;
  bar.value = news.progress;
  card.querySelector("[data-bulk-done]").textContent = news.done;
  card.querySelector("[data-bulk-failed]").textContent = news.failed;
  if (news.status === "DONE" || news.status === "CANCELLED") location.reload();
}

// After a connection (again): whatever was missed is asked for.
async function ask() {
  const answer = await fetch(`/api/v1/billing/bulk-invoices/${card.dataset.bulkRun}`, { headers: { Accept: "application/json" } });
  if (answer.ok) show(await answer.json());
}

if (card && card.dataset.over === "false") {
  live.on("job", show);
  live.join("subscribe", { topic: "bulk" });
  document.addEventListener("live:connected", ask);
  startLive();
}
