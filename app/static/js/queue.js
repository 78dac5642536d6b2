// The staff's page of all queues: asks for the list again, with its own permission, when something has moved.
import { mount } from "./console.js";
import { live } from "./live.js";
import { isPressed } from "./pointer.js";

const PAUSE = 150;
const list = document.querySelector("[data-queues]");
let timer;

for (const location of list.dataset.locations.split(" ").filter(Boolean)) live.join("subscribe", { board: location });
live.on("queue", refreshSoon);
document.addEventListener("live:connected", refreshSoon);
document.querySelector("[data-queue-location]")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

async function refresh() {
  const answer = await fetch(list.dataset.source, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  if (isPressed(list)) return refreshSoon();
  const focused = document.activeElement?.closest("[data-queues] form")?.getAttribute("action");
  list.innerHTML = await answer.text();
  mount(list);
  if (focused) list.querySelector(`form[action="${focused}"] button`)?.focus();
}
