// Asks the server. Every function throws an Error whose message is for people.

const client = [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16)).join("");

async function ask(path, { method = "GET", body, raw, signal } = {}) {
  const headers = { "x-client": client };
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: raw ?? (body && JSON.stringify(body)) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  const { error, hint } = await answer.json().catch(() => ({ error: `error ${answer.status}` }));
  throw new Error(sentence(error, hint));
}

export function sentence(error, hint) {
  const text = hint ? `${error} (${hint})` : error;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export const call = async (method, path, body) => (await ask(path, { method, body })).json();
export const get = async (path) => (await ask(path)).json();
export const post = async (path, body, signal) =>
  (await ask(path, { method: "POST", body, signal })).json();
export const patch = async (path, body) => (await ask(path, { method: "PATCH", body })).json();
export const upload = async (path, raw) => (await ask(path, { method: "POST", raw })).json();
export const file = async (body) => (await ask("/api/render", { method: "POST", body })).blob();

// Calls a function with every line of JSON that a request is answered with.
export async function stream(path, body, onEvent, signal) {
  const answer = await ask(path, { method: "POST", body, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new Error("The studio stopped answering.");
    });
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) onEvent(JSON.parse(line));
  }
}
