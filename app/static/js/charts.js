// Charts drawn locally by Chart.js in the console's palette, each with its numbers as a table.
// Data: {type: "bar"|"bar-flat"|"line"|"doughnut", labels, series: [{name, data}], format: {currency?, decimals?, unit?}}
import { element, meta } from "./dom.js";
import { getJson } from "./http.js";
import { text } from "./texts.js";

const drawn = new Set();
let library;

export async function mountChart(box) {
  const canvas = box.querySelector("canvas");
  try {
    const [data] = await Promise.all([dataOf(box, canvas), loadLibrary()]);
    addTable(box, canvas, data);
    draw(canvas, data);
  } catch (problem) {
    canvas.replaceWith(element("p", { class: "empty" }, problem.message));
  }
}

export function startCharts() {
  document.addEventListener("theme:change", () => [...drawn].forEach(({ canvas, data }) => draw(canvas, data)));
}

async function dataOf(box, canvas) {
  if (canvas.dataset.chartUrl) return getJson(canvas.dataset.chartUrl);
  const script = box.querySelector("[data-chart]");
  const data = JSON.parse(script.textContent);
  return data.cols ? fromColumns(data, script.dataset.chartType) : data;
}

// Flask-AppBuilder's chart views hand over columns and rows.
function fromColumns({ cols, rows }, type) {
  const [, ...series] = cols;
  return {
    type,
    labels: rows.map((row) => row.c[0].v),
    series: series.map((column, index) => ({ name: column.label, data: rows.map((row) => row.c[index + 1].v) })),
  };
}

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: meta("chart-script") });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(text("failed"))));
    document.head.append(script);
  });
  return library;
}

function draw(canvas, data) {
  window.Chart.getChart(canvas)?.destroy();
  for (const entry of drawn) if (entry.canvas === canvas) drawn.delete(entry);
  drawn.add({ canvas, data });
  return new window.Chart(canvas, configuration(data));
}

function configuration(data) {
  const token = palette();
  const flat = data.type === "bar-flat";
  const round = data.type === "doughnut";
  return {
    type: flat ? "bar" : data.type,
    data: { labels: data.labels, datasets: data.series.map((series, index) => dataset(data.type, series, index, token)) },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: flat ? "y" : "x",
      color: token.ink,
      font: { family: token.family, size: 12 },
      interaction: { mode: round ? "nearest" : "index", intersect: round },
      plugins: {
        legend: { display: round || data.series.length > 1, position: round ? "right" : "top", align: "start", labels: { color: token.ink, font: { family: token.family, size: 12 }, boxWidth: 10, boxHeight: 10 } },
        tooltip: { callbacks: { label: (item) => ` ${item.dataset.label ? `${item.dataset.label}: ` : ""}${formatted(item.raw, data.format)}` } },
      },
      scales: round ? {} : { [flat ? "y" : "x"]: labelAxis(token, flat), [flat ? "x" : "y"]: valueAxis(token, data) },
    },
  };
}

function dataset(type, series, index, token) {
  const colour = token.series[index % token.series.length];
  const base = { label: series.name, data: series.data };
  if (type === "doughnut") return { ...base, backgroundColor: token.series, borderColor: token.card, borderWidth: 2 };
  if (type === "line") return { ...base, borderColor: colour, backgroundColor: colour, borderWidth: 2, pointRadius: series.data.length > 40 ? 0 : 2.5, tension: 0.25 };
  return { ...base, backgroundColor: colour, borderRadius: 3, maxBarThickness: 34 };
}

function labelAxis(token, flat) {
  const ticks = { color: token.soft, font: { family: token.family, size: 12 }, maxRotation: 0, autoSkipPadding: 12, autoSkip: !flat };
  return { border: { color: token.line }, grid: { display: false }, ticks };
}

function valueAxis(token, { series, format }) {
  const whole = !format?.currency && series.every((one) => one.data.every((value) => Number.isInteger(value ?? 0)));
  return {
    beginAtZero: true,
    border: { display: false },
    grid: { color: token.line },
    ticks: {
      color: token.soft,
      font: { family: token.family, size: 12 },
      maxRotation: 0,
      precision: whole ? 0 : undefined,
      callback: (value) => formatted(value, format, true),
    },
  };
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: token("ink"),
    soft: token("soft"),
    line: token("line"),
    card: token("card"),
    family: token("font-family"),
    series: [1, 2, 3, 4, 5, 6].map((number) => token(`series-${number}`)),
  };
}

function formatted(value, format = {}, short = false) {
  if (value == null) return "–";
  const options = format.currency ? { style: "currency", currency: format.currency } : { maximumFractionDigits: format.decimals ?? 2 };
  if (short) Object.assign(options, { notation: Math.abs(value) >= 10000 ? "compact" : "standard", maximumFractionDigits: 1, minimumFractionDigits: 0 });
  const locale = document.documentElement.lang === "hi" ? "hi-IN" : "en-IN";
  const words = new Intl.NumberFormat(locale, options).format(value);
  return format.unit ? `${words} ${format.unit}` : words;
}

function addTable(box, canvas, data) {
  if (box.querySelector(".chart-table")) return;
  const head = element("tr", {}, element("td", {}), ...data.series.map((series) => element("th", { scope: "col", class: "end" }, series.name)));
  const rows = data.labels.map((label, index) =>
    element("tr", {}, element("th", { scope: "row" }, String(label)), ...data.series.map((series) => element("td", { class: "end" }, formatted(series.data[index], data.format)))),
  );
  const table = element("table", { class: "table" }, element("caption", { class: "visually-hidden" }, canvas.getAttribute("aria-label")), element("thead", {}, head), element("tbody", {}, ...rows));
  box.append(element("details", { class: "chart-table" }, element("summary", {}, text("showTable")), element("div", { class: "table-wrap" }, table)));
}
