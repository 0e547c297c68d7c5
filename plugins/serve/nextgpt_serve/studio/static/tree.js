// A conversation as a tree: an edited turn and a second answer are branches, and nothing is lost.
// A node is {id, parent, role, parts}; `leaf` says which branch is shown.

export function newTalk() {
  return { id: crypto.randomUUID(), title: "", changed: Date.now(), nodes: {}, leaf: null };
}

export function add(talk, parent, role, parts) {
  const node = { id: crypto.randomUUID(), parent, role, parts };
  talk.nodes[node.id] = node;
  talk.leaf = node.id;
  talk.changed = Date.now();
  if (!talk.title && role === "user") talk.title = titled(parts);
  return node;
}

/** The nodes from the beginning to one, in order. */
export function path(talk, id = talk.leaf) {
  const found = [];
  for (let node = talk.nodes[id]; node; node = talk.nodes[node.parent]) found.unshift(node);
  return found;
}

/** A node and what else was said in its place, oldest first. */
export function siblings(talk, node) {
  return Object.values(talk.nodes).filter((one) => one.parent === node.parent);
}

/** Show the branch of a node, as far as it went last. */
export function show(talk, node) {
  let last = node;
  for (;;) {
    const next = Object.values(talk.nodes).filter((one) => one.parent === last.id).at(-1);
    if (!next) break;
    last = next;
  }
  talk.leaf = last.id;
}

/** Whether something that was read from a file is a conversation. */
export function isTalk(value) {
  return (
    typeof value?.id === "string" && typeof value.title === "string" && Number.isFinite(value.changed) &&
    typeof value.nodes === "object" && (value.leaf === null || value.leaf in value.nodes) &&
    Object.entries(value.nodes).every(([id, node]) =>
      node?.id === id && ["user", "assistant"].includes(node.role) && Array.isArray(node.parts) &&
      (node.parent === null || (node.parent !== id && node.parent in value.nodes)) &&
      node.parts.every((part) => ["text", "media", "failed"].includes(part?.kind))) &&
    Object.keys(value.nodes).every((id) => endsAbove(value.nodes, id))
  );
}

function endsAbove(nodes, id) {
  const seen = new Set();
  for (let at = id; at !== null; at = nodes[at].parent) {
    if (seen.has(at)) return false;
    seen.add(at);
  }
  return true;
}

function titled(parts) {
  const text = parts.find((part) => part.kind === "text")?.text.trim();
  return (text || parts[0]?.name || "").replace(/\s+/g, " ").slice(0, 60);
}
