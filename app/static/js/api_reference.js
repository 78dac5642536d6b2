// Starts Swagger UI (a plain script of npm's swagger-ui-dist) on the address in the page.
const place = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
