// Making elements without inline HTML: text stays text.
const iconFile = new URL("../img/icons.svg", import.meta.url).pathname;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${iconFile}#${name}`);
  drawing.append(use);
  return drawing;
}

export function meta(name) {
  return document.querySelector(`meta[name="${name}"]`)?.content ?? "";
}

// Calls `mount` once for every matching element, now and when htmx or another script brings new content.
export function eachOnce(root, selector, mount) {
  const found = [...root.querySelectorAll(selector)];
  if (root.matches?.(selector)) found.push(root);
  for (const item of found) {
    const mark = `mounted${mount.name}`;
    if (item[mark]) continue;
    item[mark] = true;
    mount(item);
  }
}
