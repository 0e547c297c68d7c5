// One answer: what is sent for it, and its parts as its events come in.

import { dataURL, fetchMedia } from "./api.js";

/** The turns so far, as a request has them. */
export function request(system, nodes) {
  return {
    model: system.model,
    input: nodes.map(({ role, parts }) => ({ role, content: parts.map((part) => content(role, part)).filter(Boolean) }))
      .filter((message) => message.content.length),
  };
}

function content(role, part) {
  if (part.kind === "text") return { type: role === "user" ? "input_text" : "output_text", text: part.text };
  if (part.kind === "media" && part.url) {
    return { type: "input_file", filename: part.name || `${part.channel}`, file_data: part.url };
  }
  return null;
}

/** Fill a node from the events of an answer; `changed(place)` is called for each part that is. */
export async function follow(node, events, changed) {
  const fetched = [];
  for await (const event of events) {
    const at = event.output_index;
    switch (event.type) {
      case "response.output_item.added":
        node.parts[at] = begun(event.item);
        break;
      case "response.output_text.delta":
        node.parts[at].text += event.delta;
        break;
      case "response.output_item.done":
        if (event.item.type === "message") break;
        fetched.push(ended(node.parts[at], event.item).then(() => changed(at)));
        break;
      case "response.failed":
      case "error":
        node.parts.push({ kind: "failed", message: (event.response?.error ?? event.error ?? event).message });
        changed(node.parts.length - 1);
        continue;
      default:
        if (event.progress === undefined) continue;
        Object.assign(node.parts[at], { done: event.progress.done, of: event.progress.total });
    }
    if (at !== undefined) changed(at);
  }
  await Promise.all(fetched);
}

function begun(item) {
  if (item.type === "message") return { kind: "text", text: "" };
  return { kind: "media", channel: item.channel, name: "", prompt: item.revised_prompt ?? "" };
}

async function ended(part, item) {
  if (item.status === "failed") {
    Object.assign(part, { kind: "failed", message: item.error?.message ?? `${part.channel} failed` });
    return;
  }
  const { blob, html } = await fetchMedia(item.id);
  Object.assign(part, { url: await dataURL(blob), html, seconds: item.seconds });
}
