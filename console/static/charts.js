// The charts: memory, latencies, and where the init spent its time.

import { byId, bytes, drawing, duration, setText } from "/_console/dom.js";
import { isOver, model, now, took } from "/_console/model.js";

const width = 400;
const height = 160;
const left = 52; // of the plot, where the numbers of the axis end
const bottom = height - 20;
const mostLines = 8;

export function showCharts() {
  memory(byId("memory"));
  latency(byId("latency"));
  init(byId("init"));
}

// replace makes a figure show a caption and a picture, which has nothing that its caption lacks.
function replace(figure, caption, ...shapes) {
  figure.svg ??= figure.insertBefore(drawing("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": true }), figure.firstChild);
  figure.svg.replaceChildren(...shapes);
  figure.svg.style.display = shapes.length ? "" : "none";
  setText(figure.querySelector("figcaption"), caption);
}

const text = (x, y, content, anchor = "end") => drawing("text", { x, y, "text-anchor": anchor }, content);

function axis(y, label) {
  return [drawing("line", { class: "axis", x1: left, x2: width, y1: y, y2: y }), text(left - 4, y + 4, label)];
}

function ago(ms) {
  const s = Math.round(ms / 1000);
  return s < 100 ? s + " s ago" : Math.round(s / 60) + " min ago";
}

// memory draws the resident memory of each R as steps.
function memory(figure) {
  const lines = new Map();
  for (const sample of model.samples) {
    if (!lines.has(sample.slot)) lines.set(sample.slot, []);
    lines.get(sample.slot).push(sample);
  }
  if (!lines.size) return replace(figure, "Memory of each R: no worker was ready yet.");
  const to = now();
  const from = model.samples[0].t;
  const most = 1.1 * Math.max(...model.samples.map((s) => s.rss));
  const x = (t) => left + (width - left) * (t - from) / Math.max(1, to - from);
  const y = (rss) => bottom - (bottom - 8) * rss / most;
  const shapes = [...axis(bottom, "0"), ...axis(y(most / 1.1), bytes(most / 1.1)),
    text(left, height - 4, ago(to - from), "start"), text(width, height - 4, "now")];
  const now_ = [];
  [...lines].sort(([a], [b]) => a - b).slice(0, mostLines).forEach(([slot, samples], i) => {
    let path = "";
    samples.forEach((s, k) => {
      const begins = k === 0 || samples[k - 1].pid !== s.pid;
      path += begins ? `M${x(s.t)} ${y(s.rss)}` : `H${x(s.t)}V${y(s.rss)}`;
    });
    if (model.slots.get(slot)?.pid === samples.at(-1).pid) path += `H${x(to)}`;
    shapes.push(drawing("path", { class: "line c" + i % 4, d: path }));
    now_.push(`slot ${slot} ${bytes(samples.at(-1).rss)}`);
  });
  const rest = lines.size > mostLines ? ` and ${lines.size - mostLines} more` : "";
  replace(figure, "Memory of each R: " + now_.join(", ") + rest + ".", ...shapes);
}

// latency draws how long each invocation took, on a logarithmic scale.
function latency(figure) {
  const over = [...model.invocations.values()].filter((i) => isOver(i) && i.dispatched);
  if (!over.length) return replace(figure, "Latencies: no invocation has ended yet.");
  const times = over.map((i) => Math.max(0.1, took(i)));
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (p) => duration(sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]);
  const from = over[0].dispatched;
  const to = Math.max(...over.map((i) => i.ended));
  const low = Math.floor(Math.log10(sorted[0]));
  const high = Math.max(low + 1, Math.ceil(Math.log10(sorted.at(-1))));
  const x = (t) => left + 5 + (width - left - 10) * (t - from) / Math.max(1, to - from);
  const y = (ms) => bottom - (bottom - 8) * (Math.log10(ms) - low) / (high - low);
  const shapes = [];
  for (let power = low; power <= high; power++) shapes.push(...axis(y(10 ** power), duration(10 ** power)));
  shapes.push(text(left, height - 4, ago(now() - from), "start"), text(width, height - 4, ago(now() - to)));
  over.forEach((i, k) => {
    const [cx, cy] = [x(i.dispatched), y(times[k])];
    shapes.push(i.state === "failed"
      ? drawing("path", { class: "cross", d: `M${cx - 3} ${cy - 3}l6 6m0 -6l-6 6` })
      : drawing("circle", { class: "dot", cx, cy, r: 2.5 }));
  });
  const failed = over.filter((i) => i.state === "failed").length;
  replace(figure, `Latencies of ${over.length} invocations: half took up to ${quantile(0.5)}, 95 % up to ${quantile(0.95)}, ` +
    `the longest ${duration(sorted.at(-1))}. ${failed} failed (crosses).`, ...shapes);
}

// init draws which packages took the longest to load.
function init(figure) {
  const { init } = model;
  if (!init) return replace(figure, "Init: no worker was ready yet.");
  const slowest = init.slowest ?? [];
  const most = Math.max(1, ...slowest.map((load) => load.ms));
  const shapes = slowest.flatMap((load, i) => [
    text(0, 24 * i + 12, `${load.package}, ${duration(load.ms)}`, "start"),
    drawing("rect", { class: "bar", x: 0, y: 24 * i + 15, height: 6, width: width * load.ms / most }),
  ]);
  const packages = slowest.length ? "; of it " + slowest.map((load) => `${load.package} ${duration(load.ms)}`).join(", ") : "";
  replace(figure, `Init: ready after ${duration(init.took)}, the handler's file took ${duration(init.ms)}${packages}.`, ...shapes);
}
