// Words that scripts show, translated by the server (templates/base/texts.html).
const words = JSON.parse(document.getElementById("texts")?.textContent || "{}");

export function text(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
