// The table of invocations, the newest first.

import { byId, bytes, clock, duration, element, keyed, setText } from "/_console/dom.js";
import { isOver, model, took } from "/_console/model.js";

const mostRows = 200;

// showInvocations fills the table. choose shows an invocation.
export function showInvocations(choose) {
  const all = [...model.invocations.values()];
  const shown = all.slice(-mostRows).reverse();
  const more = all.length > shown.length ? `, the latest ${shown.length} are shown` : "";
  setText(byId("invocations-note"), all.length ? `${all.length} kept${more}.` : "None yet.");
  byId("table").hidden = !all.length;
  keyed(byId("rows"), shown.map((i) => [i.id, i]), (i) => makeRow(i, choose), update);
}

function makeRow(i, choose) {
  const button = element("button", { type: "button", "aria-label": "Show invocation " + i.n, click: () => choose(i.id) }, String(i.n));
  const cell = (name) => element("td", { class: name });
  const cells = [cell(), cell(), cell("number"), cell("number"), cell("number"), cell("number"), cell("text")];
  return Object.assign(element("tr", { "data-id": i.id }, element("td", {}, button), ...cells), { columns: cells });
}

function update(row, i) {
  const [time, state, length, slot, event, answer, error] = row.columns;
  row.className = i.id === model.chosen ? "chosen" : "";
  setText(time, clock(i.called));
  setText(state, i.state);
  state.className = i.state;
  setText(length, i.state === "waiting" ? "" : duration(took(i)));
  setText(slot, i.slot >= 0 ? String(i.slot) : "");
  setText(event, bytes(i.event_bytes));
  setText(answer, isOver(i) ? bytes(i.answer_bytes) : "");
  setText(error, [i.request && `${i.request} ${i.status || ""}`.trim(), i.error].filter(Boolean).join(": "));
}
