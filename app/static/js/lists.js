// Generated lists: a click on a row opens it, j and k walk the rows, ticked rows show the actions for many.
import { text } from "./texts.js";

export function mountList(list) {
  list.addEventListener("click", onRowClick);
  const all = list.querySelector("[data-check-all]");
  if (!all) return;
  const boxes = [...list.querySelectorAll(".row-check")];
  const bar = list.querySelector("[data-bulk-bar]");

  const refresh = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    bar.hidden = count === 0;
    bar.querySelector("[data-bulk-count]").textContent = text("selected", { count });
  };
  all.addEventListener("change", () => {
    boxes.forEach((box) => (box.checked = all.checked));
    refresh();
  });
  boxes.forEach((box) => box.addEventListener("change", refresh));
  refresh(); // the browser restores ticks when one comes back
}

export function startRowKeys() {
  document.addEventListener("keydown", (event) => {
    if (!["j", "k"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches?.("input, select, textarea") || localStorage.getItem("shortcuts") === "off") return;
    const links = [...document.querySelectorAll("[data-list] a.row-link")].filter((link) => link.checkVisibility());
    if (!links.length) return;
    event.preventDefault();
    const at = links.indexOf(document.activeElement);
    const to = at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1);
    links[to].focus();
  });
}

function onRowClick(event) {
  const row = event.target.closest("tr[data-href]");
  if (!row || event.target.closest("a, button, input, select, label, summary") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
  else location.assign(row.dataset.href);
}
