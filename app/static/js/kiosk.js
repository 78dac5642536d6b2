// The kiosk: whatever was shown goes away by itself, and the scanner always types into the field.
const DONE = 12000;
const page = document.querySelector("[data-kiosk]");
const field = document.getElementById("code");

if (page.dataset.kiosk === "done") setTimeout(() => location.replace(location.pathname), DONE);
if (field) {
  field.focus();
  document.addEventListener("click", (event) => event.target.closest("a, button, input") || field.focus());
  field.addEventListener("blur", () => setTimeout(() => document.activeElement === document.body && field.focus(), 200));
}
