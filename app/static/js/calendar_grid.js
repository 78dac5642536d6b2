// Doctors side by side on FullCalendar's free time grid. It knows days, not doctors: column n is drawn as the n-th day after
// a date of long ago, and all times are wall-clock times, so that neither zones nor daylight saving have a say in the browser.
import { element } from "./dom.js";
import { say, statusOf, typeOf } from "./calendar_words.js";

const FIRST = Date.UTC(2001, 0, 1);
const DAY = 86_400_000;
const COLUMN = 116; // pixels that a doctor needs to be read
const NARROW = 104; // the same, where each day has several doctors
const AXIS = 52;

// FullCalendar writes its style sheet into a <style> of the page, which our Content-Security-Policy forbids. It looks for its
// own element first: this one bears the name only, and hands the rules to a constructed sheet, which needs no exception.
// The one font among them comes as data, which is forbidden too; it has icons of a tool bar that is not shown.
function offerStyleSheet() {
  const sheet = new CSSStyleSheet();
  const insertRule = (rule) => rule.startsWith("@font-face") || sheet.insertRule(rule, sheet.cssRules.length);
  const holder = document.createElementNS(null, "style");
  holder.setAttribute("data-fullcalendar", "");
  Object.defineProperty(holder, "sheet", { value: { cssRules: sheet.cssRules, insertRule } });
  document.head.append(holder);
  document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets];
}

export class Grid {
  constructor(place, options) {
    offerStyleSheet();
    this.place = place;
    this.options = options;
    this.fresh = new Set();
  }

  // Draws the data; the same columns keep their place on the screen.
  show(data) {
    const same = this.data && shapeOf(this.data) === shapeOf(data);
    this.data = data;
    if (same) return this.refresh();
    this.calendar?.destroy();
    this.notes = data.columns.map((column) => element("small", {}, column.note));
    if (!data.columns.length) return;
    const width = data.columns.some((column) => column.day) ? NARROW : COLUMN;
    this.place.style.minWidth = `${data.columns.length * width + AXIS}px`;
    this.calendar = new window.FullCalendar.Calendar(this.place, this.settings(data));
    this.calendar.render();
  }

  refresh() {
    this.calendar.refetchEvents();
    this.data.columns.forEach((column, number) => (this.notes[number].textContent = column.note));
  }

  settings({ columns }) {
    const { min, max } = hoursOf(this.data);
    return {
      initialView: "columns",
      views: { columns: { type: "timeGrid", duration: { days: columns.length } } },
      initialDate: new Date(FIRST),
      timeZone: "UTC",
      headerToolbar: false,
      allDaySlot: false,
      height: "auto",
      stickyHeaderDates: true,
      slotMinTime: clock(min),
      slotMaxTime: clock(max),
      slotDuration: clock(stepOf(columns)),
      slotLabelInterval: "01:00",
      snapDuration: "00:05",
      slotEventOverlap: false,
      eventMinHeight: 22,
      eventDurationEditable: false,
      longPressDelay: 300,
      events: (_range, done) => done(this.events()),
      dayHeaderContent: ({ date }) => ({ domNodes: this.headOf(columnAt(date)) }),
      dayHeaderClassNames: ({ date }) => this.classesOf(columnAt(date)),
      dayCellClassNames: ({ date }) => this.classesOf(columnAt(date)),
      slotLabelContent: ({ date }) => date.toISOString().slice(11, 16),
      eventContent: ({ event }) => (event.display === "background" ? true : { domNodes: this.bodyOf(event.extendedProps.visit) }),
      eventDidMount: ({ event, el }) => this.onMount(event, el),
      eventClick: ({ event, jsEvent }) => {
        jsEvent.preventDefault();
        this.options.open(event.extendedProps.visit);
      },
      eventDragStart: () => this.options.dragging(true),
      eventDragStop: () => this.options.dragging(false),
      eventDrop: ({ event }) => this.options.dropped(event.extendedProps.visit, this.slotNear(event.start)),
      dateClick: ({ date }) => this.options.picked(this.slotAround(date)),
    };
  }

  events() {
    const { columns, visits } = this.data;
    const shown = visits.map((visit) => ({
      id: visit.id,
      start: momentOf(visit.column, visit.from),
      end: momentOf(visit.column, visit.until),
      url: this.options.visitPage + visit.id,
      startEditable: this.options.moves && visit.movable,
      classNames: ["visit", statusOf(visit.status).tone, `is-${visit.status.toLowerCase()}`, this.fresh.has(visit.id) ? "fresh" : "seen"],
      extendedProps: { visit },
    }));
    return [...shown, ...columns.flatMap((column, number) => closedTimes(column, number, hoursOf(this.data))), ...this.nowLine()];
  }

  nowLine() {
    const { columns, now } = this.data;
    return columns.flatMap((column, number) => (column.today ? [{ id: `now-${number}`, ...background(number, now, afterMinute(now), "now-line") }] : []));
  }

  // The present moves on without anything being drawn anew.
  showNow(now) {
    this.data.now = now;
    this.data.columns.forEach((_column, number) => this.calendar.getEventById(`now-${number}`)?.setDates(momentOf(number, now), momentOf(number, afterMinute(now))));
  }

  onMount(event, el) {
    const { visit } = event.extendedProps;
    if (!visit) return;
    el.dataset.visit = visit.id;
    el.title = `${visit.from} ${visit.patient}, ${this.spoken(visit)}`;
    this.options.drawn(visit.id, el);
  }

  headOf(number) {
    const column = this.data.columns[number];
    const day = column.day ? [element("small", {}, column.day)] : [];
    return [...day, element("b", { title: column.doctor }, column.title), this.notes[number]];
  }

  // Today, and where a day begins that has several doctors.
  classesOf(number) {
    const { day, on, today } = this.data.columns[number];
    const begins = day && this.data.columns[number - 1]?.on !== on;
    return [...(today ? ["is-today"] : []), ...(begins ? ["begins-day"] : [])];
  }

  bodyOf(visit) {
    const mark = element("span", { class: "visit-mark", "aria-hidden": "true" }, statusOf(visit.status).mark);
    const time = element("span", { class: "visit-time" }, visit.from);
    const name = element("span", { class: "visit-name" }, visit.patient);
    const rest = element("span", { class: "visually-hidden" }, `, ${this.spoken(visit)}`);
    const extra = visit.overbooked ? element("span", { class: "visit-extra", "aria-hidden": "true" }, "+1") : null;
    return [element("span", { class: "visit-line" }, mark, time, " ", extra, name, rest)];
  }

  // What the eye gets from place and colour.
  spoken(visit) {
    const column = this.data.columns[visit.column];
    const words = say("visit", { until: visit.until, type: typeOf(visit.type), status: statusOf(visit.status).word, doctor: column.spoken });
    return visit.overbooked ? `${words}, ${say("overbooked")}` : words;
  }

  // The slot of a column that begins nearest to where a visit was dropped, if it is near at all.
  slotNear(date) {
    const minute = minuteAt(date);
    const near = ([from, until]) => Math.abs(minutes(from) - minute) <= (minutes(until) - minutes(from)) / 2 + 5;
    const distance = ([from]) => Math.abs(minutes(from) - minute);
    return this.slot(date, (slots) => slots.filter(near).sort((one, other) => distance(one) - distance(other))[0]);
  }

  slotAround(date) {
    const minute = minuteAt(date);
    return this.slot(date, (slots) => slots.find(([from, until]) => minutes(from) <= minute && minute < minutes(until)));
  }

  slot(date, choose) {
    const number = columnAt(date);
    const column = this.data.columns[number];
    const found = choose(column.slots);
    if (!found) return null;
    const [from, , at, locationId] = found;
    return { at, locationId, doctorId: column.doctorId, on: column.on, words: `${column.spoken}, ${from}` };
  }
}

const shapeOf = ({ columns, ...data }) => JSON.stringify([columns.map((column) => [column.doctorId, column.on, column.slots.length]), hoursOf({ columns, ...data })]);
const columnAt = (date) => Math.floor((date.getTime() - FIRST) / DAY);
const minuteAt = (date) => ((date.getTime() - FIRST) % DAY) / 60_000;
const momentOf = (column, wall) => new Date(FIRST + column * DAY + minutes(wall) * 60_000);
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

const afterMinute = (wall) => clock(minutes(wall) + 1);

function minutes(wall) {
  const [hours, rest] = wall.split(":").map(Number);
  return hours * 60 + rest;
}

// Whole hours around everything that is open or booked.
function hoursOf({ columns, visits }) {
  const begins = [...columns.flatMap((column) => column.slots.map((slot) => minutes(slot[0]))), ...visits.map((visit) => minutes(visit.from))];
  const ends = [...columns.flatMap((column) => column.slots.map((slot) => minutes(slot[1]))), ...visits.map((visit) => minutes(visit.until))];
  if (!begins.length) return { min: 9 * 60, max: 17 * 60 };
  return { min: Math.floor(Math.min(...begins) / 60) * 60, max: Math.ceil(Math.max(...ends) / 60) * 60 };
}

// Lines as far apart as most slots are long.
function stepOf(columns) {
  const counts = new Map();
  for (const [from, until] of columns.flatMap((column) => column.slots)) {
    const length = minutes(until) - minutes(from);
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  const usual = [...counts].sort((one, other) => other[1] - one[1])[0]?.[0] ?? 15;
  return Math.min(Math.max(usual, 10), 30);
}

function closedTimes({ slots }, number, { min, max }) {
  const closed = [];
  let open = min;
  for (const [from, until] of slots) {
    if (minutes(from) > open) closed.push(background(number, clock(open), from, "closed"));
    open = Math.max(open, minutes(until));
  }
  if (open < max) closed.push(background(number, clock(open), clock(max), "closed"));
  return closed;
}

function background(number, from, until, name) {
  return { start: momentOf(number, from), end: momentOf(number, until), display: "background", classNames: [name] };
}
