// Entry of every console page. `mount(root)` brings new content to life; htmx content is mounted by itself.
import { startAppearance } from "./appearance.js";
import { mountBell } from "./bell.js";
import { mountChart, startCharts } from "./charts.js";
import { startDialogs } from "./dialogs.js";
import { eachOnce, meta } from "./dom.js";
import { mountFilters } from "./filters.js";
import { mountForm, startForms } from "./forms.js";
import { mountList, startRowKeys } from "./lists.js";
import { live, startLive } from "./live.js";
import { mountLookup } from "./lookup.js";
import { startMenus } from "./menus.js";
import { mountFinder } from "./search.js";
import { startShortcuts } from "./shortcuts.js";
import { mountTabs } from "./tabs.js";
import { toast } from "./toast.js";

export function mount(root) {
  eachOnce(root, "[data-finder]", mountFinder);
  eachOnce(root, "[data-lookup]", mountLookup);
  eachOnce(root, "[data-bell]", mountBell);
  eachOnce(root, "[data-tabs]", mountTabs);
  eachOnce(root, "[data-list]", mountList);
  eachOnce(root, "[data-filters]", mountFilters);
  eachOnce(root, "[data-form]", mountForm);
  eachOnce(root, "[data-chart-box]", mountChart);
}

startAppearance();
startDialogs();
startMenus();
startForms();
startShortcuts();
startRowKeys();
startCharts();
mount(document);
live.on("alert", (news) => toast(news.title));
if (document.querySelector("[data-live-pill]")) startLive();

document.addEventListener("htmx:load", (event) => mount(event.target));
document.addEventListener("htmx:configRequest", (event) => (event.detail.headers["X-CSRFToken"] = meta("csrf-token")));
