// What the pane shows is asked for by the pane itself: a link may be drawn anew while its answer is on the way, and htmx
// forgets what waits for a link that is gone.
export function startPane(pane) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-pane]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(pane, link.dataset.pane);
  });
}

export function show(pane, path) {
  window.htmx.ajax("GET", path, { source: pane, target: pane });
}

export const isLoading = (pane) => pane.classList.contains("htmx-request");
