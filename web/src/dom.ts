// The few lines the page needs instead of a framework: find an element that the HTML promises, make one, show or
// hide one. Text always enters as text, never as markup; widths are set through the CSSOM, which the
// Content-Security-Policy allows (style attributes it does not).

type Value = string | number | boolean | undefined;
type Child = Node | string | number | undefined;

/** The element of the page with this id; a missing one is a fault of the page. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

/** Makes an element. `undefined` and `false` leave an attribute out, `true` sets it empty. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(
    ...children.filter((child) => child !== undefined).map((child) => toNode(child as Node)),
  );
  return element;
}

function toNode(child: Node | string | number): Node | string {
  return typeof child === 'number' ? String(child) : child;
}

export function button(label: string, onClick: () => void, attributes: Record<string, Value> = {}) {
  const element = h('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', onClick);
  return element;
}

/** A bar filled to `share` (0..1); the number beside it is what a screen reader gets. */
export function bar(share: number, kind: string): HTMLElement {
  const fill = h('span', { class: kind });
  fill.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  return h('span', { class: 'bar', 'aria-hidden': 'true' }, fill);
}

export function show(element: HTMLElement, visible: boolean): void {
  element.hidden = !visible;
}
