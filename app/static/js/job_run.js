// The page of a run follows its rows; when the run is over it is loaded once more, with what was left out.
import { live, startLive } from "./live.js";

const OVER = new Set(["DONE", "FAILED", "CANCELLED"]);
const card = document.querySelector("[data-job-run]");
const bar = card?.querySelector("[data-job-bar]");

function show(news) {
  if (news.id !== card.dataset.jobRun) return;
  bar.value = news.progress;
  for (const name of ["done", "failed"]) {
    const place = card.querySelector(`[data-job-${name}]`);
    if (place) place.textContent = news[name];
  }
  if (OVER.has(news.status)) location.reload();
}

// After a connection (again): whatever was missed is asked for.
async function ask() {
  if (!card.dataset.jobUrl) return;
  const answer = await fetch(card.dataset.jobUrl, { headers: { Accept: "application/json" } });
  if (answer.ok) show(await answer.json());
}

if (card && card.dataset.over === "false") {
  live.on("job", show);
  live.join("subscribe", { topic: "runs" });
  document.addEventListener("live:connected", ask);
  startLive();
}
