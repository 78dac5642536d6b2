// Sends the browser back to the merchant with the signed fields; the button does the same without this script.
document.querySelector("form[data-handover]").submit();
