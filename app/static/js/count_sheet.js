// Count sheets and split tenders: sums as they are typed, in whole minor units, and Enter goes to the next field.

function formatter(box) {
  const language = document.documentElement.lang === "hi" ? "hi-IN" : "en-IN";
  const format = new Intl.NumberFormat(language, { style: "currency", currency: box.dataset.currency });
  const unit = 10 ** Number(box.dataset.decimals);
  // As everywhere else: a blank that does not break after the sign of the currency.
  const spaced = (part) => (part.type === "currency" ? `${part.value}\u00a0` : part.value);
  return (minor) => format.formatToParts(minor / unit).map(spaced).join("");
}

function mountCountSheet(box) {
  const show = formatter(box);
  const fields = [...box.querySelectorAll("[data-worth]")];
  const update = () => {
    let total = 0;
    for (const field of fields) {
      const pieces = /^\d+$/.test(field.value.trim()) ? Number(field.value) : 0;
      const sum = pieces * Number(field.dataset.worth);
      field.closest("tr").querySelector("[data-worth-sum]").textContent = pieces ? show(sum) : "–";
      total += sum;
    }
    box.querySelector("[data-count-total]").textContent = show(total);
    const difference = box.querySelector("[data-count-difference]");
    if (!difference) return;
    const over = total - Number(box.dataset.expected);
    difference.textContent = over > 0 ? `+${show(over)}` : show(over);
    difference.classList.toggle("figure-bad", over !== 0);
  };
  box.addEventListener("input", update);
  walk(box, fields);
  update();
}

// Enter and the arrows go through a column of numbers as in a spreadsheet; Ctrl+Enter sends.
function walk(box, fields) {
  box.addEventListener("keydown", (event) => {
    const at = fields.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey) return;
    const step = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = fields[at + step] ?? (step > 0 ? box.closest("form")?.querySelector("[data-after-count]") : null);
    next?.focus();
    next?.select?.();
  });
}

function mountSplit(form) {
  const show = formatter(form);
  const unit = 10 ** Number(form.dataset.decimals);
  const due = Number(form.dataset.due);
  const amounts = [...form.querySelectorAll("[data-amount]")];
  const minor = (field) => {
    const typed = Number(field.value.replaceAll(",", "").trim());
    return Number.isFinite(typed) ? Math.round(typed * unit) : 0;
  };
  const rest = () => due - amounts.reduce((sum, field) => sum + minor(field), 0);
  const update = () => {
    const left = rest();
    const output = form.querySelector("[data-rest-sum]");
    output.textContent = show(left);
    output.classList.toggle("figure-bad", left < 0);
    form.querySelector("[data-done]").hidden = left !== 0;
    const given = form.querySelector("[data-tendered]");
    const change = minor(given) - minor(form.querySelector("[data-cash]"));
    form.querySelector("[data-change]").textContent = given.value.trim() && change >= 0 ? show(change) : "–";
  };
  form.addEventListener("input", update);
  for (const button of form.querySelectorAll("[data-rest]")) {
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.rest);
      field.value = (Math.max(minor(field) + rest(), 0) / unit).toFixed(Number(form.dataset.decimals));
      update();
      field.closest("tr").querySelector("[data-beside]")?.focus();
    });
  }
  update();
}

for (const box of document.querySelectorAll("[data-count-sheet]")) mountCountSheet(box);
for (const form of document.querySelectorAll("[data-split]")) mountSplit(form);
