/**
 * Elements, made without markup: whatever comes from outside is a text node, and never HTML.
 *
 * @module
 */
type Child = Node | string | undefined | false

/** An element with attributes and children; `undefined` and `false` are left out of both. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | undefined | false>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value)
  }
  made.append(...children.filter((child) => child !== undefined && child !== false))
  return made
}

/** An element of the page's own markup. @throws TypeError when it is not there: page and script do not fit. */
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new TypeError(`Cannot use the page: it has no #${id}`)
  return found as T
}
