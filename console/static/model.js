// The model: what the console has sent, within the same limits as there.

const most = { invocations: 1000, spans: 500, samples: 2000, lines: 300 };

export const model = {
  info: null,
  init: null,
  failure: null,
  slots: new Map(), // by number
  spans: new Map(), // by number
  invocations: new Map(), // by id, oldest first
  samples: [],
  lines: [],
  skew: 0, // of the clock of the server, in ms
  chosen: "", // id of the invocation that is shown
};

// now returns the time by the clock of the server.
export const now = () => Date.now() + model.skew;

// apply adds a message to the model.
export function apply(message) {
  if (message.full) {
    for (const map of [model.slots, model.spans, model.invocations]) map.clear();
    Object.assign(model, { info: message.info, init: null, failure: null, samples: [], lines: [] });
  }
  model.skew = message.now - Date.now();
  model.init = message.init ?? model.init;
  if (message.failure) model.failure = message.failure.report ? message.failure : null;
  for (const slot of message.slots ?? []) model.slots.set(slot.slot, slot);
  for (const span of message.spans ?? []) model.spans.set(span.n, span);
  for (const invocation of message.invocations ?? []) model.invocations.set(invocation.id, invocation);
  model.samples.push(...(message.samples ?? []));
  model.lines.push(...(message.lines ?? []));
  dropOldest(model.spans, Math.max(most.spans, 2 * (model.info?.slots ?? 1)));
  dropOldest(model.invocations, most.invocations);
  model.samples.splice(0, model.samples.length - most.samples);
  model.lines.splice(0, model.lines.length - most.lines);
}

function dropOldest(map, limit) {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}

// took returns how long an invocation has taken so far, in ms.
export const took = (i) => (i.ended || now()) - (i.dispatched || i.called);

export const isOver = (i) => i.state !== "waiting" && i.state !== "running";

// connect streams messages to the model, and calls changed after each. A hidden page disconnects, and
// catches up when it is shown.
export function connect(changed, connected) {
  let source = null;
  let last = "";
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/_console/events" + (last && "?after=" + encodeURIComponent(last)));
    source.onopen = () => connected(true);
    source.onerror = () => {
      connected(false);
      if (source?.readyState === EventSource.CLOSED) { // refused: it does not try again itself
        source = null;
        setTimeout(open, 2000);
      }
    };
    source.onmessage = (event) => {
      last = event.lastEventId;
      apply(JSON.parse(event.data));
      changed();
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else {
      open();
    }
  });
  open();
}
