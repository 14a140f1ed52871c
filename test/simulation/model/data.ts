/** Data in the model: whose it is, what its owner demands, and when it may be moved, passed on or deleted. */
import type { Answer, Handle, Observed, Who } from './answer.ts'
import { DONE, refuse, reply, told } from './answer.ts'
import type { Content, Datum, Rule, World } from './world.ts'
import { isEnded } from './world.ts'

/** A file that lies in the object store before the first command. */
export interface StoredFile {
  scheme: string
  url: string
  /** Base64. */
  tag: string
  content: Content
}

type Reference = { data_id: string }
type OutputRegistration = { url: string; crypto: { scheme: string }; rule?: Rule }

function withOwn(world: World, who: Who, { data_id }: Reference, act: (datum: Datum) => Answer): Answer {
  const datum = world.data.get(data_id)
  if (datum === undefined || datum.deleted || !datum.owners.includes(who.id)) return refuse('not_found')
  return act(datum)
}

function add(world: World, observed: Observed, datum: Omit<Datum, 'deleted'>): Answer {
  const data_id = told(observed, 'data_id')
  world.data.set(data_id, { ...datum, deleted: false })
  return reply({ data_id })
}

function viewOf(data_id: string, { owners, scheme, tag, rule }: Datum) {
  return { data_id, owners, scheme, tag, rule }
}

const leavesOut = (rule: Rule | undefined, owners: readonly string[]) =>
  owners.some((owner) => rule?.parties?.includes(owner) === false)
const isFlat = (url: string) => url.startsWith('data:')

function show(world: World, who: Who, request: Reference): Answer {
  return withOwn(world, who, request, (datum) => reply(viewOf(request.data_id, datum)))
}

function livesIn(world: World, data_id: string): boolean {
  return [...world.tasks.values()].some(
    (task) => !isEnded(task) && [...task.terms.inputs, ...task.terms.outputs].some((file) => file.data_id === data_id),
  )
}

const withRule = (rule: Rule | undefined) => (rule === undefined ? {} : { rule })

/** A handler for each method; an input is registered by its place among the files that are there. */
export function dataHandlers(files: readonly StoredFile[]) {
  return {
    register_input_file(world, who, { file, rule }: { file: number; rule?: Rule }, observed) {
      if (leavesOut(rule, [who.id])) return refuse('invalid_request')
      return add(world, observed, { owners: [who.id], ...files[file]!, ...withRule(rule) })
    },
    ...HANDLERS,
  } as const satisfies Record<string, Handle>
}

const HANDLERS = {
  register_output_file(world, who, { url, crypto, rule }: OutputRegistration, observed) {
    if (isFlat(url) || leavesOut(rule, [who.id])) return refuse('invalid_request')
    return add(world, observed, { owners: [who.id], scheme: crypto.scheme, url, ...withRule(rule) })
  },

  register_fusion_output(world, who, request: { owners: readonly string[]; rule?: Rule }, observed) {
    const owners = [...new Set(request.owners)].sort()
    if (owners.length < 2 || !owners.includes(who.id) || leavesOut(request.rule, owners))
      return refuse('invalid_request')
    return add(world, observed, { owners, scheme: 'aes-gcm-256', ...withRule(request.rule) })
  },

  update_input_file(world, who, request: Reference, observed) {
    return withOwn(world, who, request, ({ deleted: _deleted, ...datum }) =>
      datum.owners.length > 1 ? refuse('forbidden') : add(world, observed, datum),
    )
  },

  update_output_file(world, who, request: Reference & { url: string }, observed) {
    if (isFlat(request.url)) return refuse('invalid_request')
    return withOwn(world, who, request, (datum) => {
      if (datum.owners.length > 1) return refuse('forbidden')
      if (datum.task !== undefined) return refuse('not_ready')
      world.data.set(request.data_id, { ...datum, deleted: true })
      return add(world, observed, {
        owners: datum.owners,
        scheme: datum.scheme,
        url: request.url,
        ...withRule(datum.rule),
      })
    })
  },

  register_input_from_output(world, who, request: Reference, observed) {
    return withOwn(world, who, request, ({ deleted: _deleted, task: _task, ...datum }) =>
      datum.tag === undefined ? refuse('not_ready') : add(world, observed, datum),
    )
  },

  get_input_file: show,
  get_output_file: show,

  delete_data(world, who, request: Reference) {
    return withOwn(world, who, request, (datum) => {
      if (livesIn(world, request.data_id)) return refuse('not_ready')
      world.data.set(request.data_id, { ...datum, deleted: true })
      return DONE
    })
  },

  list_data(world, who, { kind, produced }: { kind?: string; produced?: boolean }) {
    const isShown = (id: string, datum: Datum) =>
      !datum.deleted &&
      datum.owners.includes(who.id) &&
      (kind === undefined || id.startsWith(kind)) &&
      (produced === undefined || (id.startsWith('output') && (datum.tag !== undefined) === produced))
    const data = [...world.data]
      .filter(([id, datum]) => isShown(id, datum))
      .map(([id, datum]) => viewOf(id, datum))
      .sort((a, b) => (a.data_id < b.data_id ? -1 : 1))
    return reply({ data })
  },
} as const satisfies Record<string, Handle>
