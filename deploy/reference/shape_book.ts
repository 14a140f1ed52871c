/**
 * The named shapes of one page: each that a table linked to is described once, at the end, with those that it links to.
 */
import { fieldTable } from './field_table.ts'
import { commonName } from './json_schemas.ts'
import { anchorOf } from './markdown.ts'
import type { Reference } from './reference.ts'
import { schemaOf } from './reference.ts'

interface Linked {
  /** The schema. */
  name: string
  inRequest: boolean
}

export class ShapeBook {
  readonly #reference: Reference
  /** By the name that readers see. */
  readonly #linked = new Map<string, Linked>()

  constructor(reference: Reference) {
    this.#reference = reference
  }

  /** Links from a request, where defaults may be left out. */
  readonly linkOfRequest = (name: string): string => this.#link(name, true)
  /** Links from a reply, where defaults are filled in. */
  readonly linkOfReply = (name: string): string => this.#link(name, false)

  /** @returns the sections by their headings, in order */
  sections(): Map<string, string> {
    const describeAll = () => [...this.#linked].map(([heading, linked]) => [heading, this.#describe(linked)] as const)
    let described = describeAll()
    // Describing one may link to others.
    while (described.length < this.#linked.size) described = describeAll()
    return new Map(described.sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  /** What requests say of a shape tells more, and is shown where both use it. */
  #link(name: string, inRequest: boolean): string {
    const heading = commonName(name)
    const before = this.#linked.get(heading)
    if (before === undefined || (inRequest && !before.inRequest)) this.#linked.set(heading, { name, inRequest })
    return anchorOf(heading)
  }

  #describe({ name, inRequest }: Linked): string {
    const schema = schemaOf(this.#reference, name)
    const about = schema.description === undefined ? '' : `${schema.description}\n\n`
    return `${about}${
      inRequest
        ? fieldTable(schema, this.#reference.schemas, this.linkOfRequest)
        : fieldTable(schema, this.#reference.schemas, this.linkOfReply, { isReply: true })
    }`
  }
}
