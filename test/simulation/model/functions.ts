/** Functions in the model: who sees them, who changes them, and how often they ran. */
import type { Answer, Handle, Observed, Who } from './answer.ts'
import { DONE, refuse, reply, told } from './answer.ts'
import type { Fn, World } from './world.ts'

interface FileSpec {
  name: string
  description: string
  optional: boolean
}

/** What functions are registered as; who may use them is chosen for each. */
export interface FunctionKind {
  name: string
  arguments: readonly { key: string; default?: unknown; overridable: boolean }[]
  inputs: readonly FileSpec[]
  outputs: readonly FileSpec[]
}

const file = (name: string): FileSpec => ({ name, description: '', optional: false })

export const FUNCTIONS: readonly FunctionKind[] = [
  {
    name: 'builtin-echo',
    arguments: [{ key: 'message', default: 'hello', overridable: true }],
    inputs: [],
    outputs: [],
  },
  {
    name: 'builtin-echo',
    arguments: [{ key: 'message', default: { n: [1] }, overridable: true }],
    inputs: [],
    outputs: [],
  },
  {
    name: 'builtin-echo',
    arguments: [{ key: 'message', default: 'fixed', overridable: false }],
    inputs: [],
    outputs: [],
  },
  { name: 'builtin-echo', arguments: [{ key: 'message', overridable: true }], inputs: [], outputs: [] },
  {
    name: 'builtin-ordered-set-intersect',
    arguments: [{ key: 'order', default: 'ascending', overridable: false }],
    inputs: [file('input_data1'), file('input_data2')],
    outputs: [file('output_result1'), file('output_result2')],
  },
]

/** The digest of what each runs is opaque to the model; it is told once, and must stay what it was. */
export type Digests = readonly string[]

export interface Registration {
  /** Which of `FUNCTIONS`; of no kind: one that nothing runs. */
  variant: number
  public: boolean
  allowlist: readonly string[]
  quota?: number
}

export function mayUse(who: Pick<Who, 'id' | 'attribute'>, fn: Fn): boolean {
  if (fn.public || fn.owner === who.id || fn.allowlist.includes(who.id)) return true
  return who.attribute !== null && fn.allowlist.includes(`org:${who.attribute}`)
}

const seesAll = (who: Who, fn: Fn) => fn.owner === who.id || who.role === 'PlatformAdmin'

function withFunction(world: World, who: Who, function_id: string, act: (fn: Fn) => Answer): Answer {
  const fn = world.functions.get(function_id)
  if (fn === undefined || fn.deleted || !(seesAll(who, fn) || mayUse(who, fn))) return refuse('not_found')
  return act(fn)
}

function faultOf({ variant, allowlist }: Registration): string | undefined {
  if (FUNCTIONS[variant] === undefined) return 'unsupported'
  return allowlist.some((entry) => !/^[\w.:@-]+$/.test(entry)) ? 'invalid_request' : undefined
}

type Reference = { function_id: string }

/** A handler for each method; requests name a kind in place of what it is made of, see `Calls`. */
export function functionHandlers(digests: Digests) {
  return {
    register_function(world, who, { variant, quota, ...rest }: Registration, observed) {
      const fault = faultOf({ variant, ...rest })
      if (fault !== undefined) return refuse(fault)
      const function_id = told(observed, 'function_id')
      const { allowlist } = rest
      const fn = { owner: who.id, variant, public: rest.public, allowlist, disabled: false, deleted: false, runs: 0 }
      world.functions.set(function_id, quota === undefined ? fn : { ...fn, quota })
      return reply({ function_id })
    },

    update_function(world, who, { function_id, variant, quota, ...rest }: Registration & Reference) {
      return withFunction(world, who, function_id, ({ quota: _before, ...fn }) => {
        if (fn.owner !== who.id) return refuse('forbidden')
        const fault = faultOf({ variant, ...rest })
        if (fault !== undefined) return refuse(fault)
        const next = { ...fn, variant, public: rest.public, allowlist: rest.allowlist }
        world.functions.set(function_id, quota === undefined ? next : { ...next, quota })
        return reply({ function_id })
      })
    },

    get_function(world, who, { function_id }: Reference) {
      return withFunction(world, who, function_id, (fn) => {
        const { name, arguments: args, inputs, outputs } = FUNCTIONS[fn.variant]!
        return reply({
          function_id,
          owner: fn.owner,
          name,
          description: '',
          executor: 'builtin',
          public: fn.public,
          disabled: fn.disabled,
          function_digest: digests[fn.variant],
          arguments: args,
          inputs,
          outputs,
          needs: {},
          quota: fn.quota,
          payload: '',
          allowlist: seesAll(who, fn) ? fn.allowlist : [],
        })
      })
    },

    get_function_usage(world, who, { function_id }: Reference) {
      return withFunction(world, who, function_id, ({ runs, quota }) => reply({ function_id, runs, quota }))
    },

    disable_function(world, who, { function_id }: Reference) {
      return withFunction(world, who, function_id, (fn) => {
        if (!seesAll(who, fn)) return refuse('forbidden')
        world.functions.set(function_id, { ...fn, disabled: true })
        return DONE
      })
    },

    delete_function(world, who, { function_id }: Reference) {
      return withFunction(world, who, function_id, (fn) => {
        if (fn.owner !== who.id) return refuse('forbidden')
        world.functions.set(function_id, { ...fn, deleted: true })
        return DONE
      })
    },

    list_functions(world, who, { owner, name }: { owner?: string; name?: string }, _observed: Observed) {
      const isShown = (fn: Fn) =>
        !fn.deleted &&
        (who.role === 'PlatformAdmin' || mayUse(who, fn)) &&
        (owner === undefined || fn.owner === owner) &&
        (name === undefined || FUNCTIONS[fn.variant]!.name === name)
      const functions = [...world.functions]
        .filter(([, fn]) => isShown(fn))
        .map(([function_id, fn]) => ({
          function_id,
          name: FUNCTIONS[fn.variant]!.name,
          owner: fn.owner,
          executor: 'builtin',
          public: fn.public,
          disabled: fn.disabled,
        }))
        .sort((a, b) => (a.function_id < b.function_id ? -1 : 1))
      return reply({ functions })
    },
  } as const satisfies Record<string, Handle>
}
