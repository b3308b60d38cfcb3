// The workers: a row for each slot, with its timeline and its faults.

import { byId, bytes, clock, drawing, duration, element, keyed, setText } from "/_console/dom.js";
import { model, now, took } from "/_console/model.js";
import { post } from "/_console/invoke.js";

const faults = { kill: "kill -9", interrupt: "Interrupt", stop: "Stop", continue: "Continue" };
const width = 1000; // of a lane, in its own units
const mostSlots = 100;

export function startWorkers(changed) {
  byId("window").addEventListener("change", changed);
}

// showWorkers draws all slots. choose shows an invocation.
export function showWorkers(choose) {
  const slots = [...model.slots.values()].sort((a, b) => a.slot - b.slot).slice(0, mostSlots);
  const to = now();
  const from = to - 1000 * byId("window").value;
  const of = new Map(slots.map((slot) => [slot.slot, { spans: [], invocations: [] }]));
  for (const span of model.spans.values()) {
    if ((span.to || to) >= from) of.get(span.slot)?.spans.push(span);
  }
  for (const invocation of model.invocations.values()) {
    if (invocation.dispatched && (invocation.ended || to) >= from) of.get(invocation.slot)?.invocations.push(invocation);
  }
  keyed(byId("slots"), slots.map((slot) => [slot.slot, slot]), (slot) => makeRow(slot, choose), (row, slot) => {
    update(row, slot);
    draw(row.lane, of.get(slot.slot), from, to);
  });
}

function makeRow(slot, choose) {
  const parts = {
    state: element("span", { class: "state" }), pid: element("span", { class: "pid" }), rss: element("span"), served: element("span", { class: "quiet" }),
    note: element("span", { class: "note" }),
  };
  const buttons = Object.entries(faults).map(([fault, text]) => element("button", {
    type: "button", "data-fault": fault, "aria-label": text + ", slot " + slot.slot, click: () => act(slot.slot, fault),
  }, text));
  const lane = drawing("svg", { class: "lane", viewBox: `0 0 ${width} 22`, preserveAspectRatio: "none", role: "img" });
  lane.addEventListener("click", (e) => e.target.dataset.id && choose(e.target.dataset.id));
  const row = element("li", { "data-slot": slot.slot },
    element("div", { class: "head" }, element("span", {}, "Slot " + slot.slot), ...Object.values(parts),
      element("span", { class: "faults" }, ...buttons)),
    lane);
  return Object.assign(row, { parts, buttons, lane });
}

function update(row, slot) {
  const { state, pid, rss, served, note } = row.parts;
  setText(state, slot.suspended ? "stopped" : slot.state);
  setText(pid, slot.pid ? "pid " + slot.pid : "");
  setText(rss, slot.rss ? bytes(slot.rss) : "");
  setText(served, slot.pid ? slot.served + " answered" : "");
  setText(note, slot.note);
  for (const button of row.buttons) {
    const fault = button.dataset.fault;
    const isUseless = !slot.pid || fault === "interrupt" && slot.state !== "busy" ||
      fault === "stop" && slot.suspended || fault === "continue" && !slot.suspended;
    // A disabled button would lose the focus.
    button.setAttribute("aria-disabled", isUseless);
    button.classList.toggle("useless", isUseless);
  }
}

// draw draws the lane of a slot.
function draw(lane, { spans, invocations }, from, to) {
  const x = (time) => width * Math.min(1, Math.max(0, (time - from) / (to - from)));
  const items = spans.map((span) => ["s" + span.n, { ...span, class: span.state, from: span.from, to: span.to || to, y: 6, height: 10 }]);
  for (const i of invocations) {
    const chosen = i.id === model.chosen ? " chosen" : "";
    items.push(["i" + i.n, {
      class: "busy " + i.state + chosen, from: i.dispatched, to: i.ended || to, y: 2, height: 18, id: i.id,
      text: `${i.state}, ${duration(took(i))}, ${clock(i.dispatched)}`,
    }]);
  }
  keyed(lane, items, (item) => {
    const text = item.text ?? item.state + (item.note ? ": " + item.note : "");
    const rect = drawing("rect", { y: item.y, height: item.height, "data-id": item.id }, drawing("title", {}, text));
    return rect;
  }, (rect, item) => {
    rect.setAttribute("class", item.class);
    rect.setAttribute("x", x(item.from));
    rect.setAttribute("width", Math.max(item.id ? 3 : 1, x(item.to) - x(item.from)));
    if (item.text) setText(rect.firstChild, item.text);
  });
  const failed = invocations.filter((i) => i.state === "failed").length;
  lane.setAttribute("aria-label", `Timeline: ${spans.map((s) => s.state).join(", ")}; ${invocations.length} invocations, ${failed} failed`);
}

// act does something to the worker of a slot.
async function act(number, fault) {
  const slot = model.slots.get(number);
  const status = byId("fault-status");
  if (!slot.pid) {
    status.textContent = `Slot ${number} has no worker.`;
    return;
  }
  try {
    await post("fault", JSON.stringify({ slot: number, pid: slot.pid, fault }));
    status.textContent = `Sent to slot ${number}: ${faults[fault]}.`;
  } catch (e) {
    status.textContent = `${faults[fault]} not sent: ${e.message}`;
  }
}
