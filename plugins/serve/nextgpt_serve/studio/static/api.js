// What the page asks of the server: the same routes as everyone, and three of its own.

const KEY = "nextgpt-key";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const useKey = (key) => sessionStorage.setItem(KEY, key);

async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  const wait = answer.headers.get("Retry-After");
  const message = told?.error?.message ?? `The server said ${answer.status}.`;
  throw new Refused(answer.status, wait ? `${message} (again in ${wait} s)` : message);
}

/** What the system is called, takes, makes and is good to begin with. */
export const about = async () => (await ask("studio/about")).json();

/** A file as the server reads it: {channel, type, html}; it is checked before anything is said. */
export async function look(file) {
  const headers = {
    "Content-Type": file.type || "application/octet-stream",
    "X-File-Name": encodeURIComponent(file.name),
  };
  return (await ask("studio/look", { method: "POST", headers, body: file })).json();
}

/** What was made, as {blob, html}. */
export async function fetchMedia(id) {
  const [file, shown] = await Promise.all([ask(`v1/media/${id}`), ask(`studio/show/${id}`)]);
  return { blob: await file.blob(), html: (await shown.json()).html };
}

/** The events of one answer, as they come. */
export async function* respond(body, signal) {
  const answer = await ask("v1/responses", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ ...body, stream: true }),
    signal,
  });
  let rest = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
      if (data.length && data[0] !== "[DONE]") yield JSON.parse(data.join("\n"));
    }
  }
}

export function dataURL(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
