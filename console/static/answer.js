// An answer, shown as what it is.

import { bytes, element } from "/_console/dom.js";

const most = { rows: 500, text: 200_000, children: 200 };

// showAnswer returns what shows an answer of the invocation with this id.
export function showAnswer(answer, id) {
  if (answer.gone) return element("p", { class: "quiet" }, answer.gone);
  const raw = Uint8Array.from(atob(answer.body ?? ""), (c) => c.charCodeAt(0));
  const type = (answer.content_type || "").split(";")[0].trim().toLowerCase();
  const parts = [];
  if (answer.status) parts.push(head(answer));
  parts.push(body(type, raw, id), element("p", { class: "quiet" }, `${bytes(raw.length)} `, save(raw, type)));
  return element("div", { class: "answer" }, ...parts);
}

function head(answer) {
  const headers = Object.entries(answer.headers ?? {});
  return element("details", {}, element("summary", {}, `Status ${answer.status}, ${headers.length} headers`),
    element("dl", {}, ...headers.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])));
}

function body(type, raw, id) {
  if (!raw.length) return element("p", { class: "quiet" }, "The answer is empty.");
  if (type.startsWith("image/")) {
    const url = URL.createObjectURL(new Blob([raw], { type }));
    const release = () => URL.revokeObjectURL(url);
    return element("img", { class: "picture", alt: "The picture that the function has returned", src: url, load: release, error: release });
  }
  if (type === "text/html" || type === "application/xhtml+xml") {
    // The frame has no scripts and an origin of its own, by its attribute and by its policy.
    return element("div", {}, element("iframe", { sandbox: "", title: "The page that the function has returned", src: "/_console/frames/" + encodeURIComponent(id) }),
      element("p", { class: "quiet" }, "Scripts do not run here."));
  }
  const text = decode(raw);
  if (text === null) return element("p", { class: "quiet" }, `Bytes of type ${type || "unknown"}.`);
  if (type === "text/csv") return table(parseCSV(text));
  if (type === "application/json" || type.endsWith("+json")) {
    try {
      return element("div", { class: "tree", tabindex: 0, role: "group", "aria-label": "JSON" }, tree(parse(text)));
    } catch {
      // It is shown as text.
    }
  }
  return element("pre", { tabindex: 0, "aria-label": "Text" }, text.slice(0, most.text) + (text.length > most.text ? "\n…" : ""));
}

function decode(raw) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch {
    return null;
  }
}

// save returns a link that downloads the bytes.
function save(raw, type) {
  const link = element("a", { href: "#", download: "answer" }, "Save");
  link.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([raw], { type: "application/octet-stream" }));
    link.href = url;
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
  return link;
}

// A Numeral is a number as it is written, if JavaScript would write it in another way.
class Numeral {
  constructor(text) {
    this.text = text;
  }
}

const parse = (text) => JSON.parse(text, (_, value, { source } = {}) =>
  typeof value === "number" && source !== undefined && String(value) !== source ? new Numeral(source) : value);

// tree returns a JSON value, folded. The children of a node are made when it is opened.
function tree(value, key, isOpen = true) {
  const name = key === undefined ? null : element("span", { class: "key" }, key + ": ");
  if (value instanceof Numeral || value === null || typeof value !== "object") {
    const text = typeof value === "string" ? shortString(value) : value?.text ?? String(value);
    return element("div", { class: "leaf" }, name, element("span", { class: typeof value === "string" && "string" }, text));
  }
  const isArray = Array.isArray(value);
  const keys = Object.keys(value);
  const size = isArray ? `[${keys.length}]` : `{${keys.length}}`;
  if (!keys.length) return element("div", { class: "leaf" }, name, size);
  const inside = element("div");
  const fill = () => {
    if (!inside.firstChild) addChildren(inside, value, keys, 0);
  };
  const node = element("details", { toggle: fill }, element("summary", {}, name, size), inside);
  if (isOpen) {
    node.open = true;
    fill();
  }
  return node;
}

function addChildren(inside, value, keys, from) {
  const some = keys.slice(from, from + most.children);
  inside.append(...some.map((key) => tree(value[key], key, keys.length <= 20 && from === 0 && isSmall(value[key]))));
  const left = keys.length - from - some.length;
  if (left > 0) {
    const more = element("button", { type: "button" }, `${left} more`);
    more.addEventListener("click", () => {
      more.remove();
      addChildren(inside, value, keys, from + some.length);
    });
    inside.append(more);
  }
}

const isSmall = (value) => value !== null && typeof value === "object" && Object.keys(value).length <= 10;

function shortString(value) {
  return JSON.stringify(value.length > most.text ? value.slice(0, most.text) + "…" : value);
}

// parseCSV returns the rows of CSV text, as many as are shown and one more.
export function parseCSV(text) {
  const rows = [];
  let row = [];
  let field = "";
  let quoted = false;
  const endField = () => { row.push(field); field = ""; };
  const endRow = () => { endField(); rows.push(row); row = []; };
  for (let i = 0; i < text.length && rows.length <= most.rows + 1; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') { field += c; i++; } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") endField();
    else if (c === "\n") endRow();
    else if (c !== "\r") field += c;
  }
  if (field || row.length) endRow();
  return rows;
}

function table([head = [], ...rows]) {
  const cells = (name, row) => row.map((text) => element(name, name === "th" ? { scope: "col" } : {}, text));
  const rest = rows.length > most.rows ? element("p", { class: "quiet" }, `The first ${most.rows} rows are shown.`) : null;
  return element("div", {}, element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of the answer" },
    element("table", {}, element("thead", {}, element("tr", {}, ...cells("th", head))),
      element("tbody", {}, ...rows.slice(0, most.rows).map((row) => element("tr", {}, ...cells("td", row)))))), rest);
}
