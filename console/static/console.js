// The page: connects the model to what shows it.

import { byId, duration, keyed, setText } from "/_console/dom.js";
import { connect, model } from "/_console/model.js";
import { showCharts } from "/_console/charts.js";
import { readExecutions, showExecutions, startExecutions } from "/_console/executions.js";
import { logLine, showDetail, showReport } from "/_console/detail.js";
import { startForm } from "/_console/invoke.js";
import { showInvocations } from "/_console/invocations.js";
import { showWorkers, startWorkers } from "/_console/workers.js";

const pace = { page: 100, charts: 1000 }; // ms between two drawings
let timer = 0;
let drawn = 0; // when
let charted = 0;

// changed redraws soon, once for all changes until then.
function changed() {
  timer ||= setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawn + pace.page - performance.now()));
}

function draw() {
  timer = 0;
  drawn = performance.now();
  showHeader();
  showFailure();
  showWorkers(choose);
  showExecutions();
  showInvocations(choose);
  if (drawn - charted >= pace.charts) {
    charted = drawn;
    showCharts();
  }
  showLog();
  showDetail(choose);
}

// choose shows an invocation.
function choose(id) {
  model.chosen = id;
  changed();
}

function showHeader() {
  const { info, init } = model;
  if (!info) return;
  document.title = info.handler + " · console";
  setText(byId("handler"), info.handler);
  const facts = [
    init && "R " + init.r_version, info.slots === 1 ? "1 worker" : info.slots + " workers",
    "timeout " + duration(info.timeout_ms), "memory " + info.memory_mb + " MB", info.watch && "reloads on change",
  ];
  setText(byId("facts"), facts.filter(Boolean).join(" · "));
}

// showFailure shows why the function cannot be served.
function showFailure() {
  const section = byId("failure");
  if (section.report === model.failure?.report) return;
  section.report = model.failure?.report;
  section.hidden = !section.report;
  if (!section.report) return;
  const advice = model.info?.watch ? " Save a corrected file, and it is loaded again." : "";
  byId("failure-title").textContent = (model.failure.init ? "The handler cannot be loaded." : "A worker could not be started.") + advice;
  byId("failure-report").replaceChildren(showReport(section.report));
}

function showLog() {
  const list = byId("log-lines");
  const lines = model.lines.slice(-200);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
  keyed(list, lines.map((line) => [line, line]), logLine, () => {});
  if (atEnd) list.scrollTop = list.scrollHeight;
}

startForm(choose);
startWorkers(changed);
startExecutions(changed);
connect(changed, (isLive) => {
  const node = byId("connection");
  setText(node, isLive ? "live" : "connection lost, trying again");
  node.className = isLive ? "live" : "lost";
});
setInterval(() => {
  if (document.hidden) return;
  changed(); // the timeline moves
  readExecutions();
}, pace.charts);
