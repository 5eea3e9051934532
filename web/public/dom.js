// Elements from plain data. Text becomes text nodes, never markup.

const svgNames = new Set(['svg', 'rect', 'title']);

/** `el('p', {class: 'soft'}, 'text', child, ...)`; nothing is made of undefined, false and empty strings. `on...` are listeners. */
export const el = (name, attributes = {}, ...children) => {
  const element = svgNames.has(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== false && child !== ''));
  return element;
};

/**
 * Puts new content where the old is, and touches nothing that is equal: what has the focus keeps it, what is scrolled stays so.
 * Listeners do not move along; what is pressed is recognised by `data-do` (main.js).
 */
export const settle = (parent, ...wanted) => {
  const nodes = wanted
    .flat(Infinity)
    .filter((child) => child !== undefined && child !== false && child !== '')
    .map((child) => (typeof child === 'string' ? document.createTextNode(child) : child));
  nodes.forEach((node, at) => {
    const here = parent.childNodes[at];
    if (here === undefined) parent.append(node);
    else if (here.isEqualNode(node)) return;
    else if (alike(here, node)) {
      mend(here, node);
      settle(here, ...node.childNodes);
    } else here.replaceWith(node);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
};

/** Only elements of one kind, and with the same `data-key`, are changed into each other: a button never becomes another one. */
const alike = (one, other) =>
  one.nodeType === Node.ELEMENT_NODE && other.nodeType === Node.ELEMENT_NODE && one.tagName === other.tagName && one.dataset?.key === other.dataset?.key;

const mend = (here, node) => {
  // Whether a part is unfolded is the person's to say, once it is on screen.
  const ours = ({ name }) => name !== 'open';
  for (const { name } of [...here.attributes].filter(ours)) if (!node.hasAttribute(name)) here.removeAttribute(name);
  for (const { name, value } of [...node.attributes].filter(ours)) if (here.getAttribute(name) !== value) here.setAttribute(name, value);
};

/** A bar of which `percent` is filled, drawn without style attributes so that a strict content policy allows it. */
export const bar = (percent, kind, label) =>
  el(
    'svg',
    { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    el('rect', { class: 'empty', width: 100, height: 10 }),
    el('rect', { class: kind, width: percent, height: 10 }),
  );
