// The page of a run follows its rows; when the run is over it is loaded once more, with what was left out.
import { live, startLive } from "./live.js";

const OVER = new Set(["DONE", "FAILED", "CANCELLED"]);
const card = document.querySelector("[data-job-run]");
const bar = card?.querySelector("[data-job-bar]");

function show(news) {
  if (news.id !== card.dataset.jobRun) return;
  bar.value = news.progress;
  card.querySelector("[data-job-done]").textContent = news.done;
  card.querySelector("[data-job-failed]").textContent = news.failed;
  if (OVER.has(news.status)) location.reload();
}

// After a connection (again): whatever was missed is asked for.
async function ask() {
  const answer = await fetch(`/api/v1/jobs/${card.dataset.jobRun}`, { headers: { Accept: "application/json" } });
  if (answer.ok) show(await answer.json());
}

if (card && card.dataset.over === "false") {
  live.on("job", show);
  live.join("subscribe", { topic: "runs" });
  document.addEventListener("live:connected", ask);
  startLive();
}
