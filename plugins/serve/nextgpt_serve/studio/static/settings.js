// How answers are made: a form from what the system's channels declare.

import { el } from "./parts.js";

const SAMPLING = {
  seed: { type: "integer", minimum: 0 },
  temperature: { type: "number", minimum: 0, maximum: 2 },
  top_p: { type: "number", minimum: 0, maximum: 1 },
  max_output_tokens: { type: "integer", minimum: 1 },
};

export function build(form, channels) {
  form.replaceChildren(group("Words", Object.entries(SAMPLING).map(([name, schema]) => field("", name, schema))));
  for (const [channel, { options, makes }] of Object.entries(channels)) {
    if (!makes) continue;
    const required = field(channel, "how many", { type: "integer", minimum: 0, maximum: 8 });
    const rest = Object.entries(options?.properties ?? {}).map(([name, schema]) => field(channel, name, schema, options));
    form.append(group(channel, [required, ...rest]));
  }
  form.onsubmit = (event) => event.preventDefault();
}

/** What the form says, as a request has it; what is left empty is the system's own. */
export function chosen(form) {
  const body = {}, require = {}, decoder_options = {};
  for (const input of form.elements) {
    if (!input.name || input.value === "") continue;
    const { channel } = input.dataset;
    const value = input.dataset.type === "text" ? input.value : JSON.parse(input.value);
    if (!channel) body[input.name] = value;
    else if (input.name === "how many") require[channel] = value;
    else (decoder_options[channel] ??= {})[input.name] = value;
  }
  return { ...body, nextgpt: { require, decoder_options, media: "url" } };
}

function group(name, fields) {
  return el("fieldset", {}, el("legend", {}, name), ...fields);
}

function field(channel, name, schema, root) {
  const plain = resolved(schema, root);
  const words = name.replaceAll("_", " ");
  return el("label", { title: plain.description ?? "" }, words, input(channel, name, plain));
}

function input(channel, name, schema) {
  const given = { name, data: { channel } };
  const own = schema.default ?? null;
  const choices = schema.enum ?? (schema.type === "boolean" ? [true, false] : null);
  if (choices) {
    const shown = (value) => (value === true ? "yes" : value === false ? "no" : `${value}`);
    const first = el("option", { value: "" }, own === null ? "as usual" : `as usual (${shown(own)})`);
    return el("select", given, first, ...choices.map((one) => el("option", { value: JSON.stringify(one) }, shown(one))));
  }
  const number = schema.type === "integer" || schema.type === "number";
  const made = el("input", { ...given, type: number ? "number" : "text", placeholder: own === null ? "as usual" : `${own}` });
  made.dataset.type = number ? "number" : "text";
  if (number) {
    made.step = schema.type === "integer" ? "1" : "any";
    const low = schema.minimum ?? schema.exclusiveMinimum, high = schema.maximum ?? schema.exclusiveMaximum;
    if (low !== undefined) made.min = low;
    if (high !== undefined) made.max = high;
  }
  return made;
}

/** A schema without references and without "or nothing". */
function resolved(schema, root) {
  if (schema.$ref) schema = { ...root.$defs[schema.$ref.split("/").at(-1)], ...schema };
  const others = (schema.anyOf ?? []).filter((one) => one.type !== "null");
  return others.length ? resolved({ ...schema, ...others[0], anyOf: undefined }, root) : schema;
}
