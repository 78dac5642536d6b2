// Requests to our own server: CSRF token on what changes things, JSON both ways, failures in words.
import { meta } from "./dom.js";
import { text } from "./texts.js";

export class RequestFailed extends Error {
  constructor(status, error) {
    super(error?.message || text(status ? "failed" : "offline"));
    this.status = status;
    this.code = error?.code;
    this.details = error;
  }
}

export async function getJson(url, { signal } = {}) {
  return answer(await reach(url, { signal, headers: { Accept: "application/json" } }));
}

export async function postJson(url, body = {}, { method = "POST", headers = {} } = {}) {
  const all = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": meta("csrf-token"), ...headers };
  return answer(await reach(url, { method, headers: all, body: JSON.stringify(body) }));
}

async function reach(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new RequestFailed(0);
  }
}

async function answer(response) {
  const data = await response.json().catch(() => null);
  if (!response.ok) throw new RequestFailed(response.status, data?.error);
  return data;
}
