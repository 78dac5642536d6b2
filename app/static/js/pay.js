// Hands the payer over to the hosted page without another click.
document.querySelector("form[data-submit-at-once]")?.requestSubmit();
