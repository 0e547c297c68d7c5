// The page: what is open, what is being written, and what each control does.

import { Refused, about, respond, useKey } from "./api.js";
import { follow, request } from "./answer.js";
import { Attached } from "./attached.js";
import { readFile, saveFile, savePage } from "./export.js";
import { all, forget, keep } from "./kept.js";
import { button, el, icon } from "./parts.js";
import { begin, end, recording } from "./record.js";
import { build, chosen } from "./settings.js";
import { add, isTalk, newTalk, path, show as showBranch } from "./tree.js";
import { Live, show } from "./turns.js";

const $ = (id) => document.getElementById(id);
const attached = new Attached($("attached"), tell);
const narrow = matchMedia("(max-width: 60rem)");
let system = null;
let talks = [];
let talk = newTalk();
let editing = null; // the turn whose new version is being written
let writing = null; // {node, stop} of the answer under way

const act = {
  edit(node) {
    editing = node;
    $("words").value = node.parts.filter((one) => one.kind === "text").map((one) => one.text).join("\n\n");
    attached.parts = node.parts.filter((one) => one.kind === "media");
    grow();
    $("words").focus();
  },
  again(node) {
    if (!writing) answer(talk.nodes[node.parent]);
  },
  turn(node) {
    if (writing) return;
    showBranch(talk, node);
    keep(talk);
    draw();
    $(`turn-${node.id}`)?.querySelector(".where")?.scrollIntoView({ block: "nearest" });
  },
};

function draw() {
  show($("turns"), talk, act, writing?.node.id);
  $("hello").hidden = talk.leaf !== null;
  $("title").textContent = talk.title || "New conversation";
  for (const id of ["save-file", "save-page"]) $(id).disabled = talk.leaf === null || writing !== null;
  $("talk-list").replaceChildren(...talks.map((one) => {
    const open = el("button", { type: "button", className: "name", onclick: () => openTalk(one) }, one.title || "…");
    const row = el("li", {}, open, button("bin", `Delete “${one.title}”`, () => drop(one)));
    if (one.id === talk.id) {
      row.dataset.open = "";
      open.setAttribute("aria-current", "page");
    }
    return row;
  }));
}

function openTalk(one) {
  if (writing) writing.stop.abort();
  talk = one;
  editing = null;
  toggle("talks", false);
  draw();
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

async function drop(one) {
  if (!confirm(`Delete “${one.title}”? It is kept nowhere else.`)) return;
  await forget(one.id);
  talks = talks.filter((other) => other !== one);
  if (talk === one) openTalk(newTalk());
  else draw();
}

async function say(parts) {
  const parent = editing ? editing.parent : talk.leaf;
  editing = null;
  const node = add(talk, parent, "user", parts);
  talks = [talk, ...talks.filter((one) => one !== talk)];
  await answer(node);
}

/** Have a turn answered, in a branch of its own. */
async function answer(asked) {
  const own = talk; // another may be opened meanwhile
  const node = add(own, asked.id, "assistant", []);
  writing = { node, stop: new AbortController() };
  const stop = writing.stop.signal;
  tell("");
  draw();
  busy(true);
  const live = new Live($("turns"), node);
  toEnd(true);
  try {
    const body = { ...request(system, path(own, asked.id)), ...chosen($("settings-form")) };
    await follow(node, respond(body, stop), (at) => { live.put(at); toEnd(); });
  } catch (error) {
    if (error.name !== "AbortError") {
      if (error.status === 401) askKey();
      node.parts.push({ kind: "failed", message: error instanceof Refused ? error.message : `${error}` });
    }
  }
  for (const part of node.parts) if (part.kind === "media" && !part.html) part.state = "stopped";
  writing = null;
  await keep(own);
  busy(false);
  draw();
  toEnd();
}

function busy(now) {
  $("send").replaceChildren(icon(now ? "stop" : "send"));
  $("send").setAttribute("aria-label", now ? "Stop" : "Send");
  $("turns").setAttribute("aria-busy", now);
}

/** Keep the end in sight, unless somebody has scrolled up to read. */
function toEnd(always = false) {
  const place = $("scroll");
  if (always || place.scrollHeight - place.scrollTop - place.clientHeight < 600) place.scrollTop = place.scrollHeight;
}

function tell(words) {
  $("notice").textContent = words;
  $("notice").hidden = !words;
}

function grow() {
  $("words").style.height = "auto";
  $("words").style.height = `${$("words").scrollHeight}px`;
}

function toggle(side, open) {
  document.body.classList.toggle(side, open);
  $("veil").hidden = !(narrow.matches && (document.body.classList.contains("talks") || !$("settings").hidden));
}

function settings(open) {
  $("settings").hidden = !open;
  $("show-settings").setAttribute("aria-expanded", open);
  toggle("settings", open);
  $(open ? "hide-settings" : "show-settings").focus();
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("nextgpt-theme", name);
}

function askKey() {
  $("ask-key").showModal();
}

async function start() {
  try {
    system = await about();
  } catch (error) {
    if (error.status === 401) return askKey();
    return tell(error.message);
  }
  $("system").textContent = system.model;
  document.title = `${system.model} · nextgpt studio`;
  const names = (which) => Object.entries(system.channels).filter(([, one]) => one[which]).map(([name]) => name);
  $("able").textContent = `${system.model} takes ${listed(["text", ...names("takes")])}, and answers in ${listed(["text", ...names("makes")])}.`;
  $("examples").replaceChildren(...system.examples.map((words) => el("li", {}, el("button", {
    type: "button", onclick: () => { if (!writing) say([{ kind: "text", text: words }]); },
  }, words))));
  build($("settings-form"), system.channels);
  const mimes = Object.values(system.channels).filter((one) => one.takes).flatMap((one) => one.accept);
  $("file").accept = mimes.join(",");
  $("attach").hidden = mimes.length === 0;
  $("record").hidden = !(mimes.includes("audio/wav") && navigator.mediaDevices && window.MediaRecorder);
  talks = await all();
  draw();
}

const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]);

// controls

$("composer").onsubmit = (event) => {
  event.preventDefault();
  if (writing) return writing.stop.abort();
  const words = $("words").value.trim();
  const parts = [...attached.take(), ...(words ? [{ kind: "text", text: words }] : [])];
  if (!parts.length || !system) return;
  $("words").value = "";
  grow();
  say(parts);
};
$("words").oninput = grow;
$("words").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!writing) $("composer").requestSubmit();
  }
};
$("words").onpaste = (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    attached.add(event.clipboardData.files);
  }
};
$("attach").onclick = () => $("file").click();
$("file").onchange = async () => {
  await attached.add([...$("file").files]);
  $("file").value = "";
};
$("record").onclick = async () => {
  try {
    if (recording()) await attached.add([await end()]);
    else await begin();
  } catch (error) {
    tell(`The microphone: ${error.message}`);
  }
  $("record").setAttribute("aria-pressed", recording());
};
for (const kind of ["load", "loadedmetadata"]) $("turns").addEventListener(kind, () => toEnd(), true);
document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("over"); };
document.ondragleave = (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); };
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  attached.add([...event.dataTransfer.files]);
};
document.onkeydown = (event) => {
  if (event.key !== "Escape") return;
  if (!$("settings").hidden) settings(false);
  else if (document.body.classList.contains("talks")) toggle("talks", false);
  else if (writing) writing.stop.abort();
  else if (editing) { editing = null; $("words").value = ""; attached.parts = []; grow(); }
};
$("new-talk").onclick = () => { openTalk(newTalk()); $("words").focus(); };
$("show-talks").onclick = () => { toggle("talks", true); $("hide-talks").focus(); };
$("hide-talks").onclick = () => { toggle("talks", false); $("show-talks").focus(); };
$("veil").onclick = () => { if (!$("settings").hidden) settings(false); toggle("talks", false); };
$("show-settings").onclick = () => settings($("settings").hidden);
$("hide-settings").onclick = () => settings(false);
$("save-file").onclick = () => saveFile(talk);
$("save-page").onclick = () => savePage(talk);
$("import-talk").onclick = () => $("import-file").click();
$("import-file").onchange = async () => {
  const [file] = $("import-file").files;
  $("import-file").value = "";
  const read = file && readFile(await file.text());
  if (!isTalk(read)) return tell("That is no exported conversation.");
  talks = [read, ...talks.filter((one) => one.id !== read.id)];
  await keep(read);
  openTalk(read);
};
$("theme").onclick = () => {
  const dark = document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  theme(dark ? "light" : "dark");
};
$("ask-key").onclose = () => { useKey($("key").value); $("key").value = ""; start(); };

const saved = localStorage.getItem("nextgpt-theme");
if (saved) theme(saved);
for (const one of document.querySelectorAll("[data-icon]")) one.prepend(icon(one.dataset.icon));
start();
