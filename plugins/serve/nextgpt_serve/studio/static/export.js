// A conversation as one file: to go on with elsewhere (JSON), or to be read anywhere (a web page).

import { el, part } from "./parts.js";
import { path } from "./tree.js";

const FORMAT = "nextgpt-conversation-1";

export function saveFile(talk) {
  save(`${fileName(talk)}.json`, "application/json", JSON.stringify({ format: FORMAT, talk }));
}

/** The conversation of a file that `saveFile` wrote; null if it is none. */
export function readFile(text) {
  try {
    const { format, talk } = JSON.parse(text);
    return format === FORMAT ? talk : null;
  } catch {
    return null;
  }
}

export async function savePage(talk) {
  const css = await (await fetch("static/studio.css")).text();
  const turns = path(talk).map((node) =>
    el("article", { className: `turn ${node.role}` }, el("div", { className: "body" }, ...node.parts.map(part))));
  const page = document.implementation.createHTMLDocument(talk.title || "Conversation");
  page.documentElement.lang = "en";
  const policy = page.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src data: 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'none'";
  const width = Object.assign(page.createElement("meta"), { name: "viewport", content: "width=device-width" });
  const charset = page.createElement("meta");
  charset.setAttribute("charset", "utf-8");
  const style = page.createElement("style");
  style.textContent = `${css}\nbody { display: block; height: auto; overflow: auto; padding: 2rem 1rem; }
main { max-width: var(--wide); margin: auto; } h1 { font-size: 1.3rem; margin-bottom: 1.5rem; }`;
  page.head.prepend(charset, policy, width);
  page.head.append(style);
  const main = page.createElement("main");
  main.append(el("h1", {}, talk.title || "Conversation"), ...turns);
  page.body.append(main);
  save(`${fileName(talk)}.html`, "text/html", `<!doctype html>\n${page.documentElement.outerHTML}`);
}

function save(name, type, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const fileName = (talk) => (talk.title || "conversation").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40).replace(/^-+|-+$/g, "") || "conversation";
