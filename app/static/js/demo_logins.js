// Fills in the log-in form with a demo user.
for (const button of document.querySelectorAll("[data-demo-login]")) {
  button.addEventListener("click", () => {
    document.getElementById("username").value = button.dataset.demoLogin;
    document.getElementById("password").value = button.dataset.demoPassword;
    document.querySelector("#login button").focus();
  });
}
