// <details data-menu>: closes on a click elsewhere and on Escape, arrows walk its items. And the drawer of narrow screens.
export function startMenus() {
  document.addEventListener("click", (event) => closeMenus(event.target.closest("[data-menu]")));
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("[data-menu]")));
  document.addEventListener("keydown", onKey);
  startDrawer();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("[data-menu][open]")) if (menu !== except) menu.open = false;
}

function onKey(event) {
  const menu = event.target.closest?.("[data-menu][open]");
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    step(menu, event);
  }
}

function step(menu, event) {
  if (event.target.matches("input, select, textarea")) return;
  const items = [...menu.querySelectorAll(".menu-panel :is(a, button)")];
  const at = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  items.at(at % items.length)?.focus();
  event.preventDefault();
}

function startDrawer() {
  const opener = document.querySelector("[data-drawer-open]");
  if (!opener) return;
  const rest = document.querySelectorAll(".top, .page");
  const set = (open) => {
    document.body.classList.toggle("drawer-open", open);
    opener.setAttribute("aria-expanded", String(open));
    rest.forEach((part) => (part.inert = open));
    if (open) document.querySelector(".nav-brand").focus();
    else opener.focus();
  };
  opener.addEventListener("click", () => set(true));
  document.querySelector("[data-drawer-close]")?.addEventListener("click", () => set(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("drawer-open")) set(false);
  });
  matchMedia("(max-width: 1000px)").addEventListener("change", () => document.body.classList.contains("drawer-open") && set(false));
}
