// The bell: how much of what this person was told is new. It is asked once the page is live, so that nothing is told in between,
// or else when there is no line; and again when something is told.
import { getJson } from "./http.js";
import { live } from "./live.js";
import { text } from "./texts.js";

export function mountBell(bell) {
  const count = bell.querySelector("[data-bell-count]");
  const plain = bell.getAttribute("aria-label");

  const refresh = async () => {
    // A bell that cannot be asked shows what it showed: the page says by itself when the server is away.
    const { unread, most } = await getJson(bell.dataset.bell).catch(() => ({}));
    if (unread === undefined) return;
    const shown = unread < most ? String(unread) : `${most}+`;
    count.hidden = !unread;
    count.textContent = shown;
    bell.setAttribute("aria-label", unread ? text("unread", { count: shown }) : plain);
  };

  live.on("alert", refresh);
  document.addEventListener("live:connected", refresh);
  document.addEventListener("live:state", (event) => event.detail === "reconnecting" && refresh());
}
