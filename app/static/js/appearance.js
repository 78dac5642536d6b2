// The light, dark, system switch. theme.js applies the choice before the next page is painted.
export function startAppearance() {
  const buttons = document.querySelectorAll("[data-theme-choice]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme") || "system";

  const apply = () => {
    const choice = chosen();
    const dark = choice === "dark" || (choice === "system" && system.matches);
    document.documentElement.dataset.theme = document.documentElement.dataset.themeFixed || (dark ? "dark" : "light");
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice)));
    document.dispatchEvent(new CustomEvent("theme:change"));
  };

  buttons.forEach((button) =>
    button.addEventListener("click", () => {
      localStorage.setItem("theme", button.dataset.themeChoice);
      apply();
    }),
  );
  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => event.key === "theme" && apply());
  apply();
}
