// Opening and closing of <dialog>, and the confirmation that data-confirm asks for before a form is sent.
import { text } from "./texts.js";

export function startDialogs() {
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit, true);
}

export function openDialog(dialog) {
  if (dialog.open) return;
  dialog.dispatchEvent(new CustomEvent("dialog:open"));
  dialog.showModal();
}

// Resolves to true when the person agrees. confirmed("Cancel this visit?", {label: "Cancel it", danger: true})
export function confirmed(question, { label = text("confirm"), danger = false } = {}) {
  const dialog = document.getElementById("confirm");
  const agree = dialog.querySelector("[data-confirm-ok]");
  dialog.querySelector("[data-confirm-text]").textContent = question;
  agree.textContent = label;
  agree.className = `button ${danger ? "danger" : "go"}`;
  dialog.returnValue = "cancel";
  openDialog(dialog);
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true }));
}

function onClick(event) {
  const opener = event.target.closest("[data-open]");
  if (opener) return openDialog(document.querySelector(opener.dataset.open));
  if (event.target.closest("[data-close]")) return event.target.closest("dialog")?.close();
  if (event.target.closest("[data-dismiss]")) return event.target.closest(".notice")?.remove();
  if (event.target.matches("dialog.dialog") && !isInside(event)) event.target.close();
}

function isInside(event) {
  const box = event.target.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

async function onSubmit(event) {
  const asking = event.submitter?.dataset.confirm ? event.submitter : event.target.dataset.confirm ? event.target : null;
  if (!asking || asking.agreed) {
    if (asking) asking.agreed = false;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  const { confirm, confirmLabel, confirmDanger } = asking.dataset;
  if (!(await confirmed(confirm, { label: confirmLabel, danger: confirmDanger !== undefined }))) return;
  asking.agreed = true;
  event.target.requestSubmit(event.submitter);
}
