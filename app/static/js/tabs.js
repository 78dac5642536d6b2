// Tabs (WAI-ARIA pattern, chosen on focus). The open tab is in the address, so that paging inside it comes back to it.
export function mountTabs(box) {
  const tabs = [...box.querySelectorAll("[role=tab]")];
  const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  const select = (tab, remember = true) => {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      panelOf(other).hidden = !on;
    }
    if (remember) history.replaceState(history.state, "", `#${tab.getAttribute("aria-controls")}`);
    panelOf(tab).dispatchEvent(new CustomEvent("tab:show", { bubbles: true }));
  };

  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      next.focus();
      select(next);
    });
    panelOf(tab).addEventListener("click", (event) => keepTab(event, tab));
  });
  const asked = tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
  if (tabs.length) select(asked ?? tabs[0], false);
}

function keepTab(event, tab) {
  const link = event.target.closest("a[href]");
  if (link && link.pathname === location.pathname && !link.hash) link.hash = tab.getAttribute("aria-controls");
}
