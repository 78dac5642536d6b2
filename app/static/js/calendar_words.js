// Words, colours and marks of the calendar, translated by the server (templates/desk/calendar.html).
const words = JSON.parse(document.getElementById("calendar-words").textContent);

export const statusOf = (code) => words.statuses[code];
export const typeOf = (code) => words.types[code] ?? code;

export function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
