// The details of the chosen invocation.

import { byId, bytes, clock, drawing, duration, element, setText } from "/_console/dom.js";
import { isOver, model } from "/_console/model.js";
import { send, setEvent } from "/_console/invoke.js";
import { showAnswer } from "/_console/answer.js";

let shown = ""; // what is shown: the id, and how far it was
let loading = false;

// showDetail shows the chosen invocation, and again when it has ended. choose shows another one.
export function showDetail(choose) {
  const i = model.invocations.get(model.chosen);
  if (!i || loading) return;
  const version = [i.id, i.state, i.lines, i.answer_bytes].join(" ");
  if (version === shown) return;
  loading = true;
  fetch("/_console/invocations/" + encodeURIComponent(i.id)).then((response) => response.json()).then((detail) => {
    shown = version;
    draw(detail, choose);
  }).catch(() => setText(byId("detail-title"), `Invocation ${i.n} could not be read`)).finally(() => {
    loading = false;
    if (shown === version) showDetail(choose); // it may have changed since
  });
}

function draw(d, choose) {
  if (!d.id) {
    byId("detail-body").replaceChildren(element("p", {}, d.message));
    return;
  }
  setText(byId("detail-title"), `Invocation ${d.n}: ${d.state}`);
  const parts = [facts(d), d.kept ? null : element("p", { class: "quiet" }, "Its event, answer and log are no longer kept.")];
  if (d.kept) parts.push(buttons(d, choose));
  if (d.report) parts.push(section("Error", showReport(d.report)));
  if (d.answer) parts.push(section("Answer", showAnswer(d.answer, d.id)));
  if (d.kept && d.dispatched && isOver(d)) parts.push(section("Durations", durations(d)));
  if (d.kept) parts.push(section(`Log, ${d.lines} lines`, log(d)), section("Event", eventText(d.event)));
  byId("detail-body").replaceChildren(...parts.filter(Boolean));
}

const section = (title, ...children) => element("div", { class: "part" }, element("h3", {}, title), ...children);

function facts(d) {
  const rows = [["Request id", d.id], ["Called", clock(d.called)]];
  if (d.pid) rows.push(["Worker", `slot ${d.slot}, pid ${d.pid}`]);
  if (d.rss) rows.push(["Memory of R", bytes(d.rss) + " at the end"]);
  if (d.limit_ms) rows.push(["Timeout", duration(d.limit_ms)]);
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function buttons(d, choose) {
  const replay = async () => {
    try {
      byId("invoke-status").textContent = await send(d.event, 1, "", choose);
    } catch (e) {
      byId("invoke-status").textContent = "Not sent: " + e.message;
    }
  };
  const edit = () => {
    setEvent(d.event);
    byId("event").focus();
  };
  return element("p", { class: "row" }, element("button", { type: "button", id: "replay", click: replay }, "Replay"),
    element("button", { type: "button", id: "edit", click: edit }, "Edit the event"));
}

// durations shows where the time went, as a bar and as numbers.
function durations(d) {
  const steps = d.steps ?? { decode: 0, handler: d.r_ms, encode: 0 };
  const around = Math.max(0, d.all_ms - d.r_ms);
  const parts = [["decode", steps.decode, "decode the event"], ["handler", steps.handler, "handler"],
    ["encode", steps.encode, "encode the result"], ["around", around, "around R"]];
  const total = Math.max(0.001, parts.reduce((sum, [, ms]) => sum + ms, 0));
  const bar = drawing("svg", { class: "steps", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": true });
  let x = 0;
  for (const [name, ms] of parts) {
    bar.append(drawing("rect", { class: name, x, y: 0, height: 10, width: 100 * ms / total }));
    x += 100 * ms / total;
  }
  const rows = [["wait", d.wait_ms, "waited before"], ...parts, ["all", d.all_ms, "in all"]];
  return element("div", {}, bar, element("dl", { id: "durations" },
    ...rows.flatMap(([name, ms, text]) => [element("dt", {}, text), element("dd", { "data-step": name }, duration(ms))])));
}

// logLine makes the line of a log record.
export function logLine(line) {
  const slot = line.slot >= 0 ? "slot " + line.slot + " " : "";
  return element("li", { class: line.level }, element("time", {}, clock(line.t)), slot, line.text);
}

function log(d) {
  const lines = (d.log ?? []).map((line) => logLine({ ...line, slot: -1 }));
  if (d.lost) lines.push(element("li", {}, `… ${d.lost} more lines are in the terminal`));
  if (!lines.length) return element("p", { class: "quiet" }, "No lines.");
  return element("ol", { class: "lines", tabindex: 0, "aria-label": "Log of the invocation" }, ...lines);
}

function eventText(text) {
  const most = 100_000;
  const rest = text.length > most ? `\n… ${bytes(text.length - most)} more` : "";
  return element("pre", { tabindex: 0, "aria-label": "Event" }, text.slice(0, most) + rest);
}

// showReport returns an error with its stack, the source around the failing line, and its causes.
export function showReport(report) {
  const stack = report.stack ?? [];
  const place = (frame) => frame.file ? ` (${frame.file}:${frame.line})` : "";
  const failing = stack.findLast((frame) => frame.source) ?? (report.where?.source && report.where);
  const call = report.call ? ` in ${report.call}` : "";
  const parts = [element("p", { class: "message" }, `${report.type}${call}: ${report.message}`)];
  if (failing) parts.push(element("p", { class: "quiet" }, `${failing.file}, line ${failing.line}`), source(failing));
  if (stack.length) {
    parts.push(element("h4", {}, "R stack, innermost call first"), element("ol", { class: "stack", reversed: true },
      ...stack.toReversed().map((frame) => {
        const line = frame.call + place(frame);
        if (!frame.source || frame === failing) return element("li", {}, line);
        return element("li", {}, element("details", {}, element("summary", {}, line), source(frame)));
      })));
  }
  for (const cause of report.causes ?? []) {
    parts.push(element("h4", {}, "Caused by"), showReport(cause));
  }
  return element("div", { class: "report" }, ...parts);
}

function source({ source, line, file }) {
  return element("ol", { class: "source", tabindex: 0, "aria-label": `Lines of ${file}` }, ...source.lines.map((text, i) => {
    const number = source.first + i;
    return element("li", { class: number === line && "at", "aria-current": number === line && "true" },
      element("span", { class: "no" }, String(number)), text);
  }));
}
