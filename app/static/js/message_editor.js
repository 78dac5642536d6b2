// A mail is a page of its own in a frame that may do nothing: the form beside the frame asks for it.
const show = (root) => root.querySelectorAll("form[data-mail]").forEach((form) => form.submit());

document.addEventListener("htmx:afterSettle", (event) => show(event.target));
show(document);
