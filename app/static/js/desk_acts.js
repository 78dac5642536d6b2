// What the desk does with a visit: a small form opens in place of the buttons, and Escape brings them back.
export function startActs(pane) {
  pane.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-act]");
    if (opener) openAct(pane, opener.dataset.act);
    if (event.target.closest("[data-act-close]")) closeAct(pane);
  });
  pane.addEventListener("input", (event) => {
    const form = event.target.closest("form");
    if (form?.querySelector("[data-change]")) showChange(form);
  });
}

export function isActing(pane) {
  return Boolean(pane.querySelector(".act:not([hidden])"));
}

function openAct(pane, name) {
  const form = pane.querySelector(`#act-${name}`);
  if (!form) return;
  form.hidden = false;
  for (const steps of pane.querySelectorAll("[data-steps]")) steps.hidden = true;
  const first = form.querySelector("[data-first]");
  first.focus();
  first.select?.();
  form.scrollIntoView({ block: "nearest" });
}

// Whether there was anything to close.
export function closeAct(pane) {
  const form = pane.querySelector(".act:not([hidden])");
  if (!form) return false;
  form.hidden = true;
  form.reset();
  pane.querySelector("#problem")?.replaceChildren();
  for (const steps of pane.querySelectorAll("[data-steps]")) steps.hidden = false;
  pane.querySelector(`[data-act="${form.id.replace("act-", "")}"]`)?.focus();
  pane.dispatchEvent(new CustomEvent("desk:act-closed"));
  return true;
}

// What goes back of the cash that was given, as it is typed.
function showChange(form) {
  const output = form.querySelector("[data-change]");
  const amount = read(form.querySelector("[data-amount]").value);
  const given = read(form.querySelector("[data-tendered]").value);
  const change = given - amount;
  const format = new Intl.NumberFormat(document.documentElement.lang === "hi" ? "hi-IN" : "en-IN", { style: "currency", currency: output.dataset.currency });
  output.textContent = Number.isFinite(change) && change >= 0 ? format.format(change) : "–";
}

function read(text) {
  const plain = text.replaceAll(",", "").trim();
  return plain ? Number(plain) : Number.NaN;
}
