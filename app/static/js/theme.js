// Runs before the first paint (a plain script in <head>), so that a dark console never flashes white.
(() => {
  const root = document.documentElement;
  const fixed = root.dataset.themeFixed;
  let choice = "system";
  try {
    choice = localStorage.getItem("theme") || "system";
  } catch {
    // A browser that forbids storage keeps the system's choice.
  }
  const dark = choice === "dark" || (choice === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = fixed || (dark ? "dark" : "light");
})();
