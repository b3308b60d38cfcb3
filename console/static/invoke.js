// The form that invokes the function.

import { byId, element } from "/_console/dom.js";

const event = byId("event");
let samples = [];

// post posts to the console and returns its answer.
export async function post(path, body) {
  const response = await fetch("/_console/" + path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body,
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

// startForm makes the form work. choose shows an invocation.
export function startForm(choose) {
  loadSamples();
  byId("sample").addEventListener("change", (e) => {
    const sample = samples[e.target.value];
    if (sample) setEvent(sample.event);
  });
  event.addEventListener("input", () => showProblem(""));
  byId("form").addEventListener("submit", (e) => {
    e.preventDefault();
    invoke(1, choose);
  });
  byId("send-many").addEventListener("click", () => invoke(50, choose));
  byId("format").addEventListener("click", () => {
    if (isValid()) event.value = indent(event.value);
  });
  byId("curl").addEventListener("click", copyCurl);
}

async function loadSamples() {
  const response = await fetch("/_console/samples");
  samples = await response.json();
  const groups = new Map();
  samples.forEach((sample, i) => {
    if (!groups.has(sample.source)) groups.set(sample.source, element("optgroup", { label: sample.source }));
    groups.get(sample.source).append(element("option", { value: i }, sample.name));
  });
  byId("sample").append(...groups.values());
}

// setEvent puts an event into the field.
export function setEvent(text) {
  event.value = text.length < 1e5 && isJSON(text) ? indent(text) : text;
  showProblem("");
}

function isJSON(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// indent breaks JSON into lines. It keeps the text of numbers and strings as it is, which
// JSON.stringify() would change: 1.0, 1e400, 12345678901234567890.
export function indent(text) {
  let out = "";
  let depth = 0;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  tokens.forEach((token, i) => {
    const line = () => "\n" + "  ".repeat(depth);
    if (token === "{" || token === "[") {
      const isEmpty = tokens[i + 1] === "}" || tokens[i + 1] === "]";
      depth++;
      out += token + (isEmpty ? "" : line());
    } else if (token === "}" || token === "]") {
      depth--;
      out += (tokens[i - 1] === "{" || tokens[i - 1] === "[" ? "" : line()) + token;
    } else if (token === ",") {
      out += token + line();
    } else {
      out += token === ":" ? ": " : token;
    }
  });
  return out;
}

// isValid reports whether the event is JSON, and says so at the field if it is not.
function isValid() {
  try {
    JSON.parse(event.value);
    showProblem("");
    return true;
  } catch (e) {
    showProblem("The event is not JSON, nothing was sent: " + e.message);
    event.focus();
    return false;
  }
}

function showProblem(text) {
  byId("event-error").textContent = text;
  event.setAttribute("aria-invalid", text !== "");
}

async function invoke(times, choose) {
  if (!isValid()) return;
  const status = byId("invoke-status");
  const timeout = byId("timeout");
  if (!timeout.checkValidity()) {
    status.textContent = "The timeout is not a number of seconds above 0: nothing was sent.";
    timeout.focus();
    return;
  }
  status.textContent = times === 1 ? "Invoking …" : "Invoking " + times + " times …";
  try {
    status.textContent = await send(event.value, times, timeout.value, choose);
  } catch (e) {
    status.textContent = "Not sent: " + e.message;
  }
}

// send invokes the function, shows the first invocation, and returns a sentence about all.
export async function send(text, times, timeout, choose) {
  const query = new URLSearchParams({ times });
  if (timeout) query.set("timeout", timeout + "s");
  const answer = await post("invoke?" + query, text);
  choose(answer.ids[0]);
  const refused = answer.refused ? ", " + answer.refused + " refused: too many wait (--queue)" : "";
  return (times === 1 ? "Answered" : times - answer.refused + " answered") + refused + ".";
}

// curl returns the command that invokes the function with the event.
function curl() {
  const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
  const url = location.origin + "/2015-03-31/functions/function/invocations";
  return "curl --data-raw " + quote(event.value) + " " + quote(url);
}

async function copyCurl() {
  if (!isValid()) return;
  const field = byId("curl-text");
  field.value = curl();
  field.hidden = false;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    byId("invoke-status").textContent = "The curl command is in the clipboard.";
  } catch {
    byId("invoke-status").textContent = "The browser has refused the clipboard: copy the command below.";
  }
}
