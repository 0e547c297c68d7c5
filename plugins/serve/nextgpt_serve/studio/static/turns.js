// The turns of a conversation on the page, with what can be done with each.

import { button, el, icon, part } from "./parts.js";
import { path, siblings } from "./tree.js";

/** Show the branch that is open; `act` is {edit, again, turn, copy}. */
export function show(place, talk, act, writing) {
  place.replaceChildren(...path(talk).map((node) => turn(talk, node, act, writing === node.id)));
}

function turn(talk, node, act, writing) {
  const body = el("div", { className: "body" }, ...node.parts.map(part));
  const made = el("article", { className: `turn ${node.role}`, id: `turn-${node.id}` }, body);
  made.setAttribute("aria-label", node.role === "user" ? "You" : "Answer");
  if (writing) made.classList.add("writing");
  else made.append(tools(talk, node, act));
  return made;
}

function tools(talk, node, act) {
  const bar = el("div", { className: "tools" });
  const others = siblings(talk, node);
  if (others.length > 1) {
    const at = others.indexOf(node);
    const to = (step, label, name) => {
      const made = button(name, label, () => act.turn(others[at + step]), true);
      made.disabled = !(at + step in others);
      return made;
    };
    const where = el("span", { className: "where keep" }, `${at + 1}/${others.length}`);
    bar.append(to(-1, "The version before", "back"), where, to(1, "The next version", "next"));
  }
  const words = node.parts.filter((one) => one.kind === "text").map((one) => one.text).join("\n\n");
  if (words) {
    const copy = button("copy", "Copy the words", async () => {
      await navigator.clipboard.writeText(words);
      copy.replaceChildren(icon("check"));
      setTimeout(() => copy.replaceChildren(icon("copy")), 1200);
    });
    bar.append(copy);
  }
  if (node.role === "user") bar.append(button("edit", "Edit this turn", () => act.edit(node)));
  else bar.append(button("again", "Answer again", () => act.again(node)));
  return bar;
}

/** Words and media of an answer that is being written; what stands there already stays as it is. */
export class Live {
  constructor(place, node) {
    this.node = node;
    this.body = place.querySelector(`#turn-${node.id} .body`);
  }

  /** The part at a place is new, or changed. */
  put(at) {
    const made = part(this.node.parts[at]);
    const old = this.body.children[at];
    if (old) old.replaceWith(made);
    else this.body.append(made);
  }
}
