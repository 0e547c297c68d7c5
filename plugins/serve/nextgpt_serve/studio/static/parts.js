// Parts of a turn on the page. Text is always text; media look as their plugin shows them.

const ICONS = {
  close: "M6 6l12 12M18 6L6 18", plus: "M12 5v14M5 12h14", menu: "M4 7h16M4 12h16M4 17h16",
  up: "M12 16V5M7 10l5-5 5 5M5 20h14", down: "M12 5v11M7 11l5 5 5-5M5 20h14",
  moon: "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
  page: "M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6", send: "M12 19V5M6 11l6-6 6 6", stop: "M7 7h10v10H7z",
  sliders: "M4 8h9M17 8h3M15 6v4M4 16h3M11 16h9M9 14v4", clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7",
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  again: "M20 12a8 8 0 1 1-2.5-5.8M20 4v5h-5", edit: "M4 20h4L19 9l-4-4L4 16z", copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  back: "M15 6l-6 6 6 6", next: "M9 6l6 6-6 6", bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13", check: "M5 13l4 4L19 7",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", ICONS[name]);
  for (const [key, value] of Object.entries({ fill: "none", stroke: "currentColor", "stroke-width": "1.8",
    "stroke-linecap": "round", "stroke-linejoin": "round" })) line.setAttribute(key, value);
  svg.append(line);
  return svg;
}

/** An element: `el("p", {className: "soft"}, "words", child)`. */
export function el(tag, given = {}, ...children) {
  const { data = {}, aria = {}, ...rest } = given;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
}

export function button(name, label, act, keep = false) {
  const made = el("button", { type: "button", title: label, onclick: act, aria: { label } }, icon(name));
  if (keep) made.classList.add("keep");
  return made;
}

export function part(one) {
  if (one.kind === "text") return text(one.text);
  if (one.kind === "failed") return el("p", { className: "failed" }, one.message);
  if (!one.html) return making(one);
  return media(one);
}

/** Words as they are, but for code between backticks. */
export function text(words) {
  const made = el("div", { className: "text" });
  words.split(/(```[^\n]*\n[\s\S]*?(?:```|$))/).forEach((piece, at) => {
    if (at % 2) {
      const code = piece.replace(/^```[^\n]*\n/, "").replace(/\n?```$/, "");
      made.append(el("pre", { tabIndex: 0 }, el("code", {}, code)));
      return;
    }
    piece.split(/`([^`\n]+)`/).forEach((words, at) => made.append(at % 2 ? el("code", {}, words) : words));
  });
  return made;
}

function making(one) {
  const words = one.state === "stopped" ? `${one.channel}: stopped` : `Making ${article(one.channel)} …`;
  const box = el("div", { className: "making" }, el("span", { className: "soft" }, words));
  if (one.state !== "stopped") {
    const bar = el("progress", { aria: { label: words } });
    if (one.of) Object.assign(bar, { max: one.of, value: one.done });
    box.append(bar);
  }
  return box;
}

function media(one) {
  const shown = el("div", { className: "shown" });
  shown.innerHTML = one.html; // the plugin's own: the server made it of media, not of words
  for (const inner of shown.querySelectorAll("img:not([alt]), img[alt='']")) inner.alt = said(one);
  for (const inner of shown.querySelectorAll("video, audio")) inner.setAttribute("aria-label", said(one));
  const words = [one.channel, one.seconds && `${one.seconds.toFixed(1)} s`].filter(Boolean).join(" · ");
  const caption = el("figcaption", {}, el("span", {}, one.name || words));
  if (one.url) {
    const link = el("a", { href: one.url, download: one.name || `${one.channel}${suffix(one.url)}`, aria: { label: "Download" } }, icon("down"));
    link.className = "icon";
    caption.append(link);
  }
  return el("figure", { className: "media", data: { channel: one.channel } }, shown, caption);
}

const said = (one) => `${one.given ? "given" : "made"} ${one.channel}${one.name ? `: ${one.name}` : ""}`;
const article = (word) => `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
const suffix = (url) => `.${(url.match(/^data:[a-z]+\/(?:x-)?([a-z0-9]+)/) ?? [, "bin"])[1]}`;
