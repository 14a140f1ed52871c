/**
 * The named shapes of one page. A shape that a table links to is described once, at the end of the page; so is each
 * shape that this description links to.
 */
import { fieldTable } from './field_table.ts'
import { commonName } from './json_schemas.ts'
import { anchorOf } from './markdown.ts'
import type { Reference } from './reference.ts'
import { schemaOf } from './reference.ts'

interface Linked {
  /** The name of the schema. */
  name: string
  inRequest: boolean
}

export class ShapeBook {
  readonly #reference: Reference
  /** The linked shapes, by the name that readers see. */
  readonly #linked = new Map<string, Linked>()

  constructor(reference: Reference) {
    this.#reference = reference
  }

  /** Makes a link from a request, where a field with a default may be left out. */
  readonly linkOfRequest = (name: string): string => this.#link(name, true)
  /** Makes a link from a reply, where every default is filled in. */
  readonly linkOfReply = (name: string): string => this.#link(name, false)

  /** @returns the sections by their headings, in order */
  sections(): Map<string, string> {
    const describeAll = () => [...this.#linked].map(([heading, linked]) => [heading, this.#describe(linked)] as const)
    let described = describeAll()
    // The description of one shape may link to others.
    while (described.length < this.#linked.size) described = describeAll()
    return new Map(described.sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  /** If requests and replies both use a shape, the form of requests is shown, because it says more. */
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
