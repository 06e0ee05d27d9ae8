// Elements from plain calls. Words always become text nodes, never markup: a name from outside cannot be read as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. Properties: `on*` functions are listeners, `true` is an empty attribute, null and false are left out.
 * @param {string} tag an HTML tag, with .classes if wanted, like "p.note.bad"
 * @param {Record<string, unknown> | null} [props]
 * @param {...unknown} kids strings, numbers, nodes, nested lists; null and false are left out
 * @returns {HTMLElement}
 */
export function h(tag, props, ...kids) {
  const [name, ...classes] = tag.split('.');
  return filled(document.createElement(name), props, classes, kids);
}

/** As `h`, for SVG elements. */
export function s(tag, props, ...kids) {
  const [name, ...classes] = tag.split('.');
  return filled(document.createElementNS(SVG, name), props, classes, kids);
}

/** Replaces the children of `parent`. */
export function put(parent, ...kids) {
  parent.replaceChildren(...flat(kids));
  return parent;
}

/** Sets the words of an element only when they changed, so that readers and selections are left in peace. */
export function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function filled(element, props, classes, kids) {
  if (classes.length) element.setAttribute('class', classes.join(' '));
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...flat(kids));
  return element;
}

function flat(kids) {
  return kids.flat(Infinity).filter((kid) => kid != null && kid !== false && kid !== '')
    .map((kid) => (typeof kid === 'number' ? String(kid) : kid));
}
