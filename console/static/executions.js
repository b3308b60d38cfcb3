// Durable executions: a table, and the operations of the chosen one, each with a bar. The page reads
// them from the API that AWS has for them.

import { byId, clock, drawing, duration, element, keyed, setText } from "/_console/dom.js";
import { model, now } from "/_console/model.js";

const api = "/2025-12-01/durable-executions";
const mostRows = 50;
const width = 1000; // of a bar's lane, in its own units
const failures = ["failed", "timed out", "stopped"];

let executions = []; // the newest first
let chosen = ""; // an ARN
let events = []; // the history of the chosen one
let reading = false;
let changed = () => {};

export function startExecutions(onChange) {
  changed = onChange;
  byId("stop").addEventListener("click", () => act("Stopped", path(chosen) + "/stop", "{}"));
}

const path = (arn) => api + "/" + encodeURIComponent(arn);

// readExecutions reads the table and the chosen history, if the handler is durable.
export async function readExecutions() {
  if (reading || !model.init?.durable) return;
  reading = true;
  try {
    executions = (await read(api + "?ReverseOrder=true&MaxItems=" + mostRows)).DurableExecutions;
    chosen ||= executions[0]?.DurableExecutionArn ?? "";
    events = chosen ? (await read(path(chosen) + "/history?IncludeExecutionData=true")).Events : [];
    changed();
  } catch (e) {
    setText(byId("execution-status"), "The executions could not be read: " + e.message);
  } finally {
    reading = false;
  }
}

async function read(url, options) {
  const response = await fetch(url, options);
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.message ?? response.statusText);
  return answer;
}

async function act(done, url, body) {
  try {
    await read(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    setText(byId("execution-status"), done + ".");
  } catch (e) {
    setText(byId("execution-status"), "Not sent: " + e.message);
  }
  readExecutions();
}

export function showExecutions() {
  byId("executions").hidden = !model.init?.durable;
  if (!model.init?.durable) return;
  setText(byId("executions-note"), executions.length ? `The latest ${mostRows} are shown.` : "None yet.");
  byId("executions-table").hidden = !executions.length;
  keyed(byId("execution-rows"), executions.map((x) => [x.DurableExecutionArn, x]), makeExecution, updateExecution);
  const execution = executions.find((x) => x.DurableExecutionArn === chosen);
  byId("execution").hidden = !execution;
  if (execution) showOperations(execution);
}

function makeExecution(x) {
  const choose = () => {
    chosen = x.DurableExecutionArn;
    readExecutions();
  };
  const cells = [element("td"), element("td"), element("td", { class: "number" })];
  const button = element("button", { type: "button", click: choose }, x.DurableExecutionName);
  return Object.assign(element("tr", {}, element("td", {}, button), ...cells), { columns: cells });
}

function updateExecution(row, x) {
  const [time, status, length] = row.columns;
  row.className = x.DurableExecutionArn === chosen ? "chosen" : "";
  setText(time, clock(1000 * x.StartTimestamp));
  setText(status, x.Status);
  status.className = x.Status === "SUCCEEDED" ? "ok" : x.Status === "RUNNING" ? "" : "failed";
  setText(length, x.EndTimestamp ? duration(1000 * (x.EndTimestamp - x.StartTimestamp)) : "");
}

function showOperations(execution) {
  setText(byId("execution-title"), `Execution ${execution.DurableExecutionName}: ${execution.Status}`);
  const isRunning = execution.Status === "RUNNING";
  byId("stop").hidden = !isRunning;
  const from = 1000 * execution.StartTimestamp;
  const last = 1000 * (events.at(-1)?.EventTimestamp ?? 0);
  const to = Math.max(from + 1, last, isRunning ? now() : 0);
  const x = (time) => width * (time - from) / (to - from);
  // A new node for each state, because its buttons differ.
  const items = operations().map((o) => [o.id + " " + o.state + " " + isRunning, o]);
  keyed(byId("operations"), items, (o) => makeOperation(o, isRunning), ({ parts }, o) => {
    const end = o.to || to;
    parts.bar.setAttribute("x", x(o.from));
    parts.bar.setAttribute("width", Math.max(3, x(end) - x(o.from)));
    setText(parts.attempts, o.attempts > 1 ? o.attempts + " attempts" : "");
    setText(parts.length, duration(end - o.from));
    setText(parts.payload, o.payload);
  });
}

// operations returns what the history says of each operation, in the order of their start.
function operations() {
  const all = new Map();
  for (const e of events) {
    if (!e.Id) continue;
    const details = e[e.EventType + "Details"] ?? {};
    const at = 1000 * e.EventTimestamp;
    const depth = (all.get(e.ParentId)?.depth ?? -1) + 1;
    const o = all.get(e.Id) ?? { id: e.Id, name: e.Name ?? "", type: e.SubType ?? "", depth, from: at, attempts: 0, payload: "" };
    all.set(e.Id, o);
    o.attempts = details.RetryDetails?.CurrentAttempt ?? o.attempts;
    o.callback = details.CallbackId ?? o.callback;
    const payload = (details.Error ?? details.Result ?? details.Input)?.Payload;
    if (payload != null) o.payload = typeof payload === "string" ? payload : `${payload.ErrorType}: ${payload.ErrorMessage}`;
    o.isWaiting = e.EventType === "WaitStarted" || details.RetryDetails?.NextAttemptDelaySeconds != null;
    if (e.EventType.endsWith("Started")) {
      o.state = "started";
    } else if (o.isWaiting) {
      o.state = "waits for the next attempt";
    } else {
      o.state = /(TimedOut|[A-Z][a-z]+)$/.exec(e.EventType)[0].replace("TimedOut", "timed out").toLowerCase();
      o.to = at;
    }
  }
  return [...all.values()];
}

function makeOperation(o, isRunning) {
  const parts = { attempts: element("span"), length: element("span", { class: "quiet" }), payload: element("pre", { tabindex: 0, "aria-label": "Payload" }) };
  parts.bar = drawing("rect", { y: 4, height: 14, class: "busy " + (failures.includes(o.state) ? "failed" : o.state) });
  const name = o.name || o.type + " " + o.id;
  const head = element("div", { class: "head" }, element("strong", {}, name), element("span", { class: "quiet" }, o.type),
    element("span", { class: "state" }, o.state), parts.attempts, parts.length, ...(isRunning ? buttons(o, name) : []));
  const lane = drawing("svg", { class: "lane", viewBox: `0 0 ${width} 22`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}: ${o.state}` }, parts.bar);
  const payload = element("details", {}, element("summary", {}, "Payload"), parts.payload);
  return Object.assign(element("li", { class: "depth" + Math.min(o.depth, 4) }, head, lane, payload), { parts });
}

function buttons(o, name) {
  const button = (text, click) => element("button", { type: "button", "aria-label": `${text}: ${name}`, click }, text);
  if (o.isWaiting) return [button("Skip", () => act("Skipped", `${path(chosen)}/skip/${encodeURIComponent(o.id)}`, "{}"))];
  if (!o.callback || o.state !== "started") return [];
  const answer = element("input", { "aria-label": "Answer, as JSON: " + name, value: "true" });
  const url = "/2025-12-01/durable-execution-callbacks/" + encodeURIComponent(o.callback);
  return [answer, button("Succeed", () => act("Answered", url + "/succeed", answer.value)),
    button("Fail", () => act("Failed", url + "/fail", JSON.stringify({ ErrorType: "CallbackFailed", ErrorMessage: answer.value })))];
}
