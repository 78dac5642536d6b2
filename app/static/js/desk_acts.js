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
    if (form?.matches("[data-split-act]")) showRest(form);
  });
  // "=" in a part takes what is left, so that nobody has to reckon.
  pane.addEventListener("keydown", (event) => {
    const part = event.target.closest("[data-part]");
    if (!part || event.key !== "=") return;
    event.preventDefault();
    const form = part.closest("form");
    const left = restOf(form) + minorOf(form, part);
    if (left > 0) part.value = (left / unitOf(form)).toFixed(Number(form.dataset.decimals));
    showRest(form);
  });
}

const unitOf = (form) => 10 ** Number(form.dataset.decimals);
const minorOf = (form, field) => Math.round((read(field.value) || 0) * unitOf(form));
const restOf = (form) => [...form.querySelectorAll("[data-part]")].reduce((left, part) => left - minorOf(form, part), Number(form.dataset.due));

function showRest(form) {
  const left = restOf(form);
  const given = form.querySelector("[data-given]");
  const change = minorOf(form, given) - minorOf(form, form.querySelector("[data-cash]"));
  form.querySelector("[data-split-rest]").textContent = inMoney(left / unitOf(form), form.dataset.currency);
  form.querySelector("[data-split-done]").hidden = left !== 0;
  form.querySelector("[data-split-change]").textContent = given.value.trim() && change >= 0 ? inMoney(change / unitOf(form), form.dataset.currency) : "–";
}

export function isActing(pane) {
  return Boolean(pane.querySelector(".act:not([hidden])"));
}

// An answer that was on its way when somebody began to type does not take their work away.
export function keepWork(pane, isWorking, isRefresh, whenKept = () => {}) {
  pane.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig, xhr } = event.detail;
    if (target !== pane || requestConfig.verb !== "get" || !isRefresh(requestConfig.path) || !isWorking(pane, xhr)) return;
    event.detail.shouldSwap = false;
    whenKept();
  });
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
  if (form.matches("[data-split-act]")) showRest(form);
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
  output.textContent = Number.isFinite(change) && change >= 0 ? inMoney(change, output.dataset.currency) : "–";
}

function inMoney(amount, currency) {
  const format = new Intl.NumberFormat(document.documentElement.lang === "hi" ? "hi-IN" : "en-IN", { style: "currency", currency });
  // As everywhere else: a blank that does not break after the sign of the currency.
  return format.formatToParts(amount).map((part) => (part.type === "currency" ? `${part.value}\u00a0` : part.value)).join("");
}

function read(text) {
  const plain = text.replaceAll(",", "").trim();
  return plain ? Number(plain) : Number.NaN;
}
