// The one socket of a page. `live.on("queue", handler)`, `live.join("subscribe", {doctorId})`: what was joined is joined again after
// a lost connection. A page is live when the server has confirmed all that it joined, also what a part of it joined that came
// late, and says so where some of it was refused; "live:connected" then tells it to ask for the truth, because it may have missed
// events: while it was away, or between being written and being confirmed.
import { meta } from "./dom.js";
import { text } from "./texts.js";

const RETRY = 10000;
const board = meta("live-board"); // the token of a screen that nobody logs in at
const joined = [];
const handlers = [];
let socket;
let round = 0; // of confirmations: an earlier one counts no more

export const live = {
  on(event, handler) {
    handlers.push([event, handler]);
    socket?.on(event, handler);
  },
  join(event, data) {
    const wish = { event, data };
    joined.push(wish);
    if (!socket?.connected) return;
    show("connecting");
    ask(wish);
    settle();
  },
  emit(event, data) {
    return socket?.emit(event, data);
  },
  get connected() {
    return Boolean(socket?.connected);
  },
};

export async function startLive() {
  const address = meta("socket-script");
  if (!address || socket) return;
  show("connecting");
  const { io } = await import(address);
  socket = io("/live", { transports: ["websocket"], reconnectionDelay: 300, reconnectionDelayMax: 1000, timeout: 5000, auth: board ? { board } : {} });
  handlers.forEach(([event, handler]) => socket.on(event, handler));
  socket.on("connect", onConnect);
  socket.on("disconnect", (reason) => {
    show("reconnecting");
    // The server closes sockets of ended sessions and changed roles: ask once who one is now; it refuses or lets in.
    if (reason === "io server disconnect") socket.connect();
  });
  socket.on("connect_error", onRefused);
  addEventListener("online", () => socket.connected || socket.disconnect().connect()); // without waiting for the next try
}

// Nobody stands before a screen on the wall: refused, it asks again, because a link may be good again and a server back.
function onRefused() {
  show("reconnecting");
  if (board && !socket.active) setTimeout(() => socket.connect(), RETRY);
}

function onConnect() {
  joined.forEach(ask);
  settle();
}

function ask(wish) {
  wish.confirmed = new Promise((confirmed) => socket.emit(wish.event, wish.data, confirmed));
}

async function settle() {
  const mine = ++round;
  const answers = await Promise.all(joined.map((wish) => wish.confirmed));
  if (mine !== round || !socket.connected) return;
  const refused = answers.some((answer) => answer?.error);
  show(refused ? "refused" : "live");
  if (board && refused) setTimeout(() => mine === round && socket.connected && onConnect(), RETRY);
  document.dispatchEvent(new CustomEvent("live:connected"));
}

function show(state) {
  document.documentElement.dataset.live = state;
  for (const pill of document.querySelectorAll("[data-live-pill]")) {
    pill.textContent = text(state);
    pill.classList.toggle("ok", state === "live");
    pill.classList.toggle("warn", state === "reconnecting" || state === "refused");
    pill.title = state === "refused" ? text("refusedWhy") : "";
  }
  document.dispatchEvent(new CustomEvent("live:state", { detail: state }));
}
