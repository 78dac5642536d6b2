// The filter panel of a list: one row per condition, named the way Flask-AppBuilder reads them (_flt_<operator>_<column>).
import { eachOnce, element } from "./dom.js";
import { mountLookup } from "./lookup.js";

export function mountFilters(box) {
  const rows = box.querySelector("[data-filter-rows]");
  const template = box.querySelector("[data-filter-row]");
  let number = 0;

  const add = () => {
    const row = template.content.firstElementChild.cloneNode(true);
    row.number = ++number;
    rows.append(row);
    row.querySelector("[data-filter-column]").addEventListener("change", () => fill(box, row));
    row.querySelector("[data-filter-operator]").addEventListener("change", () => rename(row));
    row.querySelector("[data-filter-remove]").addEventListener("click", () => row.remove());
    fill(box, row);
    return row;
  };
  box.addEventListener("toggle", () => {
    if (!box.open) return;
    const row = rows.firstElementChild ?? add();
    row.querySelector("[data-filter-column]").focus();
  });
  box.querySelector("[data-filter-add]").addEventListener("click", () => add().querySelector("select").focus());
  box.querySelector("form").addEventListener("submit", dropEmpty);
}

function fill(box, row) {
  const column = row.querySelector("[data-filter-column]").value;
  const source = [...box.querySelectorAll("[data-filter-input]")].find((item) => item.dataset.filterInput === column);
  const operators = JSON.parse(source.dataset.operators);
  const chooser = row.querySelector("[data-filter-operator]");
  chooser.replaceChildren(...operators.map((name, index) => element("option", { value: index }, name)));
  const value = row.querySelector("[data-filter-value]");
  value.replaceChildren(source.content.cloneNode(true));
  makeUnique(value, `-${row.number}`);
  eachOnce(value, "[data-lookup]", mountLookup);
  rename(row);
}

// The same column may be asked for twice: ids must stay unique.
function makeUnique(root, suffix) {
  for (const item of root.querySelectorAll("[id]")) item.id += suffix;
  for (const item of root.querySelectorAll("[aria-controls]")) item.setAttribute("aria-controls", item.getAttribute("aria-controls") + suffix);
}

function rename(row) {
  const control = valueControl(row);
  if (control.type === "checkbox") control.value = "1";
  control.name = `_flt_${row.querySelector("[data-filter-operator]").value}_${row.querySelector("[data-filter-column]").value}`;
}

function valueControl(row) {
  const value = row.querySelector("[data-filter-value]");
  return value.querySelector("input[type=hidden]") ?? value.querySelector("input, select, textarea");
}

function dropEmpty(event) {
  for (const row of event.target.querySelectorAll(".filter-row")) {
    const control = valueControl(row);
    control.disabled = control.type === "checkbox" ? false : !control.value;
    if (control.type === "checkbox" && !control.checked) event.target.append(element("input", { type: "hidden", name: control.name, value: "0" }));
  }
}
