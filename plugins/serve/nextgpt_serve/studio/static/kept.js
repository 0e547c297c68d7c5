// Conversations in this browser (IndexedDB): media lie beside the words, as data URLs.

const NAME = "nextgpt-studio";
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("talks", { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

async function run(mode, ask) {
  const transaction = (await database()).transaction("talks", mode);
  const asked = ask(transaction.objectStore("talks"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const keep = (talk) => run("readwrite", (talks) => talks.put(talk));
export const forget = (id) => run("readwrite", (talks) => talks.delete(id));

/** All conversations, the last changed first. */
export async function all() {
  const talks = await run("readonly", (store) => store.getAll());
  return talks.sort((a, b) => b.changed - a.changed);
}
