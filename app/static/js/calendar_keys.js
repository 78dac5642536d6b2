// The visits of the grid by keyboard: one of them is in the tab order, arrows walk to the others, `m` moves the chosen one.
const STEPS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class Keys {
  constructor(scroll, { find, move }) {
    this.scroll = scroll;
    this.find = find;
    this.current = null; // the visit in the tab order
    this.focused = null; // the visit that gets the focus when it is drawn
    this.left = null; // the visit that had it when a dialog opened
    scroll.addEventListener("keydown", (event) => this.onKey(event, move));
    document.addEventListener("keydown", (event) => event.target === document.body && this.onKey(event, move));
    scroll.addEventListener("focusin", (event) => {
      const id = event.target.closest("[data-visit]")?.dataset.visit;
      if (id) this.choose(id);
    });
  }

  // Drawing makes the visits anew: whoever was chosen stays it, and has the focus again if it was there.
  beforeDrawing(visits) {
    this.focused = this.onVisit();
    if (!visits.some((visit) => visit.id === this.current)) this.current = inOrder(visits)[0]?.id ?? null;
  }

  drawn(id, element) {
    element.tabIndex = id === this.current ? 0 : -1;
    if (id !== this.focused) return;
    this.focused = null;
    element.focus({ preventScroll: true });
  }

  onVisit() {
    return (this.scroll.contains(document.activeElement) && document.activeElement.dataset.visit) || null;
  }

  // A dialog gives the focus back to what had it, but that may have been drawn anew meanwhile.
  leave() {
    this.left = this.onVisit();
  }

  comeBack() {
    if (this.left && document.activeElement === document.body) this.element(this.left)?.focus({ preventScroll: true });
  }

  choose(id) {
    for (const item of this.scroll.querySelectorAll('[data-visit][tabindex="0"]')) item.tabIndex = -1;
    this.current = id;
    const chosen = this.element(id);
    if (chosen) chosen.tabIndex = 0;
  }

  element(id) {
    return this.scroll.querySelector(`[data-visit="${id}"]`);
  }

  onKey(event, move) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const onVisit = event.target.closest("[data-visit]");
    if (STEPS[event.key]) {
      const next = onVisit ? this.next(onVisit.dataset.visit, STEPS[event.key]) : this.current;
      if (!next) return;
      event.preventDefault();
      this.element(next)?.focus();
      this.element(next)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (onVisit && event.key === "m") {
      event.preventDefault();
      move(onVisit.dataset.visit);
    }
  }

  next(id, [across, down]) {
    const visits = inOrder(this.find());
    const here = visits.find((visit) => visit.id === id);
    if (!here) return visits[0]?.id;
    if (down) {
      const column = visits.filter((visit) => visit.column === here.column);
      return column[column.indexOf(here) + down]?.id;
    }
    const beside = visits.filter((visit) => (visit.column - here.column) * across > 0);
    const nearest = Math.min(...beside.map((visit) => Math.abs(visit.column - here.column)));
    const distance = (visit) => Math.abs(minutes(visit.from) - minutes(here.from));
    return beside.filter((visit) => Math.abs(visit.column - here.column) === nearest).sort((one, other) => distance(one) - distance(other))[0]?.id;
  }
}

const inOrder = (visits) => [...visits].sort((one, other) => one.column - other.column || one.from.localeCompare(other.from) || one.id.localeCompare(other.id));

function minutes(wall) {
  const [hours, rest] = wall.split(":").map(Number);
  return hours * 60 + rest;
}
