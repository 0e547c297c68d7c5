// Files that go with the next message: chosen, dropped, pasted or recorded.

import { dataURL, look } from "./api.js";
import { button, el } from "./parts.js";

export class Attached {
  #parts = [];

  constructor(place, tell) {
    this.place = place;
    this.tell = tell;
  }

  get parts() {
    return this.#parts;
  }

  set parts(parts) {
    this.#parts = parts;
    this.#show();
  }

  /** Read files, all that can be; of the others it is told why not. */
  async add(files) {
    this.tell("");
    for (const file of files) {
      try {
        const { channel, html } = await look(file);
        const url = await dataURL(file);
        this.parts = [...this.#parts, { kind: "media", given: true, channel, name: file.name, url, html }];
      } catch (error) {
        this.tell(`${file.name}: ${error.message}`);
      }
    }
  }

  /** Hand them over, and begin anew. */
  take() {
    const parts = this.#parts;
    this.parts = [];
    return parts;
  }

  #show() {
    this.place.replaceChildren(...this.#parts.map((one) => {
      const shown = el("div");
      shown.innerHTML = one.html;
      for (const image of shown.querySelectorAll("img")) image.alt = `attached: ${one.name}`;
      const drop = button("close", `Remove ${one.name}`, () => { this.parts = this.#parts.filter((other) => other !== one); });
      return el("li", {}, shown, el("span", { className: "name" }, one.name), drop);
    }));
  }
}
