"use strict";

// All that comes from a person or a model reaches the page as text nodes: make() knows no HTML.

const TITLES = {
  langid: "Language", pos: "Parts of speech", ner: "Entities", classify: "Classes", translate: "Translation", g2p: "Pronunciation",
};
const EXAMPLES = [
  ["English", "en", "My sister Amina moved from Nairobi to Kisumu because she found a new job there.\nSet an alarm for seven tomorrow."],
  ["Kiswahili", "sw", "Amina alihamia Kisumu mwezi Machi kwa sababu alipata kazi mpya huko.\nTutaonana kesho asubuhi sokoni."],
  ["Hinglish", "hi-Latn", "yaar kal Meera office late pahunchi, boss bahut angry tha\nchalo weekend pe Delhi chalte hain"],
  ["हिन्दी", "hi", "मीरा पिछले साल दिल्ली से मुंबई चली गई।"],
  ["العربية", "ar", "انتقلت ليلى من القاهرة إلى الإسكندرية في الربيع.\nنلتقي غدا صباحا في السوق."],
  ["中文", "zh-Hant", "李明去年從台北搬到高雄，因為他在那裡找到了新的工作。"],
  ["Suomi", "fi", "Liisa Virtanen muutti Helsingistä Tampereelle keväällä."],
  ["Français", "fr", "Léa travaille à Dakar depuis le mois de janvier 🙂"],
];
const TAGS = {
  NOUN: 0, PROPN: 0, VERB: 1, AUX: 1, ADJ: 2, ADV: 2, PRON: 3, DET: 3, ADP: 5, CCONJ: 5, SCONJ: 5, PART: 5, NUM: 6, INTJ: 4,
};
const NUMBERS = {  // key of a request: label, least, most, what is asked at first
  top: ["Best labels", 1, 20, "3"], nbest: ["Best answers", 1, 10, "3"], beam: ["Beam width", 1, 64, ""],
};
const LANGS = {  // key of a request: label, where a model names what may be chosen
  lang: ["Language of the text", "languages"], target_lang: ["Translate to", "target_languages"],
};
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const at = (id) => document.getElementById(id);
let models = [];
let running = false;

function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// -- what is asked

function listExamples() {
  for (const [name, lang, text] of EXAMPLES) {
    const button = make("button", { type: "button", lang }, name);
    button.addEventListener("click", () => {
      at("text").value = text;
      at("text").focus();
    });
    at("examples").append(button);
  }
}

async function listModels() {
  const found = await asked("GET", "v1/models");
  at("tasks").replaceChildren();
  if (found.error) {
    show({ errors: [["models", found.error]] });
    return;
  }
  models = found.models;
  for (const model of models) {
    const box = make("input", { type: "checkbox", id: `task-${model.task}`, checked: "" });
    at("tasks").append(make("label", { for: box.id }, box, TITLES[model.task] ?? model.task));
  }
  listFields();
}

function listFields() {
  const keys = new Set(models.flatMap((model) => model.keys));
  for (const [key, [name, least, most, value]] of Object.entries(NUMBERS)) {
    if (keys.has(key)) {
      const id = `option-${key}`;
      const input = make("input", { type: "number", id, min: least, max: most, value, placeholder: value ? "" : "usual" });
      at("fields").append(make("label", { for: id }, name, input));
    }
  }
  for (const [key, [name, facts]] of Object.entries(LANGS)) {
    const several = models.filter((model) => model.keys.includes(key) && model[facts].length > 1);
    const codes = [...new Set(several.flatMap((model) => model[facts]))].sort();
    if (codes.length) {
      const id = `option-${key}`;
      const choices = codes.map((code) => make("option", { value: code }, code));
      const select = make("select", { id }, make("option", { value: "" }, "any"), ...choices);
      at("fields").append(make("label", { for: id }, name, select));
    }
  }
  at("options").hidden = !at("fields").children.length;
}

function linesTyped() {
  const lines = at("text").value.split("\n");
  while (lines.length && !lines.at(-1).trim()) {
    lines.pop();
  }
  return lines;
}

function request(model, texts) {
  const body = { texts };
  for (const key of model.keys) {
    const value = at(`option-${key}`)?.value ?? "";
    if (value !== "" && (key in NUMBERS || model[LANGS[key][1]].includes(value))) {
      body[key] = key in NUMBERS ? Number(value) : value;
    }
  }
  return body;
}

async function asked(method, path, body) {
  try {
    const answer = await fetch(path, {
      method, headers: body ? { "content-type": "application/json" } : {}, body: body && JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { error: { message: "the server does not answer", hint: "start it again: nlpkit demo" } };
  }
}

async function run() {
  const texts = linesTyped();
  const wanted = models.filter((model) => at(`task-${model.task}`).checked);
  if (running) {
    return;
  }
  if (!texts.length || !wanted.length) {
    at("status").textContent = texts.length ? "Choose what to show first." : "Type a text first.";
    return;
  }
  running = true;
  at("run").setAttribute("aria-disabled", "true");
  at("results").setAttribute("aria-busy", "true");
  at("status").textContent = "Running; the first answer of a model takes some seconds.";
  const began = performance.now();
  const state = { texts, found: {}, errors: [] };
  await Promise.all(wanted.map(async (model) => {
    const answer = await asked("POST", `v1/${model.task}`, request(model, texts));
    if (answer.error) {
      state.errors.push([model.task, answer.error]);
    } else {
      state.found[model.task] = answer;
    }
    show(state);
  }));
  running = false;
  at("run").removeAttribute("aria-disabled");
  at("results").removeAttribute("aria-busy");
  at("status").textContent = summary(state, (performance.now() - began) / 1000);
}

// -- what is shown

function summary({ texts, found, errors }, seconds) {
  const count = (number, noun, several = `${noun}s`) => `${number} ${number === 1 ? noun : several}`;
  const parts = [`${count(texts.length, "line")} in ${seconds.toFixed(1)} s`];
  if (found.langid) {
    parts.push([...new Set(found.langid.rows.map((row) => row.name))].slice(0, 5).join(", "));
  }
  if (found.ner) {
    parts.push(count(found.ner.rows.reduce((sum, row) => sum + row.entities.length, 0), "entity", "entities"));
  }
  if (errors.length) {
    parts.push(count(errors.length, "error"));
  }
  return `${parts.join("; ")}.`;
}

function show({ texts = [], found = {}, errors = [] }) {
  at("results").hidden = false;
  at("errors").replaceChildren(...errors.map(([task, error]) => make(
    "div", { class: "error" }, make("p", {}, make("b", {}, `${TITLES[task] ?? task}: `), error.message),
    error.hint ? make("p", {}, `hint: ${error.hint}`) : null,
  )));
  const tasks = models.map((model) => model.task).filter((task) => found[task]);
  at("lines").replaceChildren(...(tasks.length ? texts.map((text, number) => line(text, number, tasks, found)) : []));
  at("json").replaceChildren(...tasks.map((task) => make(
    "details", {}, make("summary", {}, `JSON of ${task}`),
    make("pre", { dir: "ltr", tabindex: "0" }, JSON.stringify(found[task], null, 1).replace(HIDDEN, escaped)),
  )));
}

function escaped(char) {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function line(text, number, tasks, found) {
  const language = found.langid?.rows[number]?.label ?? "";
  const lang = /^[a-z]{3}_[A-Z][a-z]{3}$/.test(language) ? language.replace("_", "-") : "";
  const title = `line-${number + 1}`;
  const parts = [make("h3", { id: title }, `Line ${number + 1}`), said(text.trim() ? [text] : ["(empty)"], lang)];
  for (const task of tasks) {
    const { rows, notes = [] } = found[task];
    parts.push(make("h4", {}, TITLES[task] ?? task), ...shown(rows[number], lang));
    for (const { note } of notes.filter(({ id }) => id === rows[number].id)) {
      parts.push(make("p", { class: "note" }, `Note: ${note}.`));
    }
  }
  return make("article", { "aria-labelledby": title }, ...parts);
}

function said(parts, lang) {
  return make("p", { class: "said", dir: "auto", ...(lang ? { lang } : {}) }, ...parts);
}

// What a row is shown as follows from its keys, so that a task made by others is shown too.
function shown(row, lang) {
  if ("entities" in row) {
    return row.entities.length ? [marked(row, lang)] : [make("p", { class: "quiet" }, "none found")];
  }
  if ("tags" in row) {
    return [words(row, lang)];
  }
  if ("src" in row) {
    return written(row);
  }
  return labels(row);
}

function score(value) {
  return value === undefined ? null : make("span", { class: "score" }, ` ${value.toFixed(2)}`);
}

function marked(row, lang) {
  const text = Array.from(row.text);  // offsets count characters, strings of JavaScript are made of UTF-16 units
  const kinds = [...new Set(["PER", "LOC", "ORG", ...row.entities.map((entity) => entity.label)])];
  const parts = [];
  let end = 0;
  for (const entity of row.entities) {
    parts.push(text.slice(end, entity.start).join(""));
    const label = make("b", {}, entity.label, score(entity.score));
    const tint = `tint-${kinds.indexOf(entity.label) % 8}`;
    parts.push(make("mark", { class: tint }, make("bdi", {}, text.slice(entity.start, entity.end).join("")), label));
    end = entity.end;
  }
  parts.push(text.slice(end).join(""));
  return said(parts, lang);
}

function words(row, lang) {
  const items = row.tokens.map((token, number) => make(
    "li", {}, make("bdi", lang ? { lang } : {}, token),
    make("span", { class: `tag tint-${TAGS[row.tags[number]] ?? 7}`, dir: "ltr" }, row.tags[number]),
    score(row.scores?.[number]),
  ));
  // of which direction the words go is told by a letter of the text: the first strong one, as dir="auto" has it
  return make("ul", { class: "words", dir: direction(row.text) }, ...items);
}

function direction(text) {
  const first = /[\p{L}]/u.exec(text);
  return first && /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u.test(first[0])
    ? "rtl" : "ltr";
}

function labels(row) {
  const given = row.labels ?? (row.label === undefined ? [] : [row.label]);
  const head = row.name ? `${row.name} (${row.label})` : given.join(", ");
  const parts = [make("p", {}, make("b", { class: "said", dir: "auto" }, head || "none given"), score(row.score))];
  const chances = row.top ?? given.map((label, number) => ({ label, score: row.scores?.[number] })).filter((one) => one.score !== undefined);
  if (chances.length) {
    parts.push(make("div", { class: "bars" }, ...chances.flatMap((one) => [
      make("bdi", {}, one.label),
      make("meter", { min: 0, max: 1, value: one.score, "aria-label": `probability of ${one.label}` }),
      score(one.score),
    ])));
  }
  return parts;
}

function written(row) {
  const best = row.nbest ?? (row.tgt ? [{ tgt: row.tgt, score: row.score }] : []);
  if (!best.length) {
    return [make("p", { class: "quiet" }, "nothing to write")];
  }
  const items = best.map((one) => make("li", {}, make("bdi", { class: "said", dir: "auto" }, one.tgt || "(empty)"), score(one.score)));
  return [make("ol", { class: "best" }, ...items)];
}

// -- the page

at("where").textContent = location.host;
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
listExamples();
listModels();
