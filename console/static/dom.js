// Elements are made here only. Text from events, answers and log lines becomes text nodes, never
// HTML.

export const byId = (id) => document.getElementById(id);

// element makes an element. Attributes that are false are left out; functions are listeners.
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// drawing makes an SVG element.
export function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      node.addEventListener(name, value);
    } else if (value !== false && value != null) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// keyed makes the children of a parent those of a list of [key, item]: it keeps the nodes of the keys
// that it knows, so that the focus stays, and updates each with its item.
export function keyed(parent, items, make, update) {
  parent.nodes ??= new Map();
  const known = new Set(items.map(([key]) => key));
  for (const [key, node] of parent.nodes) {
    if (!known.has(key)) {
      node.remove();
      parent.nodes.delete(key);
    }
  }
  let next = parent.firstChild;
  for (const [key, item] of items) {
    let node = parent.nodes.get(key);
    if (!node) {
      node = make(item);
      parent.nodes.set(key, node);
    }
    if (node === next) {
      next = node.nextSibling;
    } else {
      parent.insertBefore(node, next);
    }
    update(node, item);
  }
}

// setText changes the text of a node only if it differs: screen readers announce live regions again.
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

export function bytes(n) {
  if (n < 1000) return n + " B";
  if (n < 1e6) return (n / 1e3).toFixed(1) + " kB";
  return (n / 1e6).toFixed(1) + " MB";
}

export function duration(ms) {
  if (ms < 10) return ms.toFixed(1) + " ms";
  if (ms < 1000) return ms.toFixed(0) + " ms";
  return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + " s";
}

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
