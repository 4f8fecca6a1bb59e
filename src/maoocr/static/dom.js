const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else node.setAttribute(key, String(value));
  }
  // Strings become text nodes, so names and recognised text can never turn into markup.
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An HTML element; `on<event>` props are listeners, the others attributes, strings are text. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

export function show(node, visible) {
  node.hidden = !visible;
}
