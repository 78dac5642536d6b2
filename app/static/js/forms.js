// Forms: no double sending, focus on what is wrong, a warning before typed work is lost.
export function mountForm(form) {
  let dirty = false;
  form.addEventListener("input", () => (dirty = true));
  form.addEventListener("submit", () => (dirty = false));
  window.addEventListener("beforeunload", (event) => dirty && event.preventDefault());
}

export function startForms() {
  document.querySelector("[data-error-summary]")?.focus();
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog" || event.target.method === "get") return;
    const button = event.submitter;
    if (!button) return;
    // After this turn, so that the button's own name and value are still sent.
    setTimeout(() => {
      button.disabled = true;
      button.classList.add("busy");
    });
  });
  // Back from the cache of the browser: everything can be pressed again.
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button.busy")) {
      button.disabled = false;
      button.classList.remove("busy");
    }
  });
}
