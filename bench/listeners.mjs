// Many clients of the live queue in one process: the official JavaScript client, told what to do line by line.
// First line: {"groups": [{"address", "token", "count", "subscribe"}]}. It answers {"ready": [acknowledgements...]}.
// Then {"do": "report"} answers what each heard, {"do": "quit"} ends. Times are microseconds of the machine's own clock.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const AT_ONCE = 50;
const options = { transports: ["websocket"], forceNew: true, reconnectionDelay: 300, reconnectionDelayMax: 1000, timeout: 5000 };
const clients = [];
const now = () => Number(process.hrtime.bigint() / 1000n);
const tell = (data) => process.stdout.write(JSON.stringify(data) + "\n");

function connect({ address, token, subscribe, event = "queue" }) {
  const client = { heard: [], connects: 0, subscribed: null };
  clients.push(client);
  const socket = io(`${address}/live`, { ...options, auth: { token } });
  client.socket = socket;
  socket.on(event, (state) => client.heard.push([now(), state.stream ?? null, state.previous ?? null, state.revision ?? 0, state.current ?? null]));
  return new Promise((resolve, reject) => {
    socket.on("connect", async () => {
      client.connects += 1;
      if (subscribe) client.subscribed = await socket.emitWithAck("subscribe", subscribe);
      resolve();
    });
    socket.on("connect_error", (error) => error.message === "UNAUTHORIZED" && reject(error));
  });
}

async function start({ groups }) {
  const wanted = groups.flatMap((group) => Array.from({ length: group.count }, () => group));
  for (let first = 0; first < wanted.length; first += AT_ONCE) {
    await Promise.all(wanted.slice(first, first + AT_ONCE).map(connect));
  }
  tell({ ready: clients.map((client) => client.subscribed) });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.groups) await start(order);
  else if (order.do === "report") tell({ clients: clients.map(({ heard, connects }) => ({ heard, connects })) });
  else if (order.do === "forget") tell({ forgotten: clients.map((client) => (client.heard.length = 0)).length });
  else process.exit(0);
}
process.exit(0);
