// Small helpers to build the page.  Text goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

// el('td', {class: 'num'}, 'text', child): attributes and children; null children are left out.
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'onclick') node.addEventListener('click', value);
    else if (name === 'width' || name === 'left') node.style[name] = value;
    else if (value !== false && value != null) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((c) => c != null));
  return node;
}

export const badge = (text, kind) => el('span', {class: `badge ${kind ?? ''}`}, text);

// A hash or address, shortened; the whole of it is in the title.
export function short(text, head = 6, tail = 4) {
  if (text == null) return el('span', {class: 'dim'}, '-');
  const cut = text.length > head + tail + 1 ? `${text.slice(0, head)}\u2026${text.slice(text.length - tail)}` : text;
  return el('code', {title: text}, cut);
}

// columns: [title, cell(row), class].  The header repeats nothing that a screen reader cannot see.
export function table(columns, rows, empty) {
  if (rows.length === 0) return el('p', {class: 'dim'}, empty);
  const head = el('tr', null, columns.map(([title, , kind]) => el('th', {class: kind, scope: 'col'}, title)));
  const body = rows.map((row, i) => el('tr', null, columns.map(([, cell, kind]) => el('td', {class: kind}, cell(row, i)))));
  return el('table', null, el('thead', null, head), el('tbody', null, body));
}

const percent = (part, whole) => (whole > 0 ? Math.min(100, (100 * part) / whole) : 0);

// A part of a whole.
export function share(value, whole, text, kind) {
  const p = percent(value, whole);
  return el('div', {class: 'meter', title: `${value} of ${whole}`},
    el('div', {class: `bar ${kind ?? ''}`, 'aria-hidden': 'true'}, el('i', {width: `${p}%`})), el('span', null, text));
}

// A value against its cap: it stands out when it comes near.
export const meter = (value, cap, text) => share(value, cap, text, percent(value, cap) > 90 ? 'warn' : '');

export const number = (n) => n.toLocaleString('en-US');
export const tao = (rao) => (BigInt(rao) / 1000000000n).toLocaleString('en-US');
export const score = (n) => (n / 10000).toFixed(4);

export function size(bytes) {
  if (bytes >= 1 << 20) return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(0)} KiB` : `${bytes} B`;
}

export function millions(n) {
  return n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : number(n);
}

export function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// Replaces what is in a place, only when its data changed, and keeps the focus where it was.
const shown = new Map();
export function show(id, data, ...children) {
  const key = JSON.stringify(data);
  if (shown.get(id) === key) return;
  shown.set(id, key);
  const place = byId(id);
  const focus = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place.replaceChildren(...children.flat().filter((c) => c != null));
  if (focus) place.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}
