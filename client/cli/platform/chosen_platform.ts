/**
 * Which platform a command speaks to: the one its flags name, else the environment's, else the context in use, else the
 * deployment whose state is in the working directory. Address and manifest are each looked for separately, so that a
 * flag may replace only one of them; the manifest is what the party trusts, wherever the address leads.
 *
 * This drawer holds how a command chooses a platform, what it remembers of one, and how it connects to it.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { defined, Refusal } from '../../../messages/index.ts'
import { ContextStore, readPinned } from './context_store.ts'

/** Options that may stand before or behind any command. */
export interface GlobalOptions {
  nats?: string
  manifest?: string
  state?: string
  context?: string
  as?: string
}

/** What the environment says; a flag goes before it. */
export interface PartyEnvironment {
  nats?: string
  manifest?: string
  state?: string
  context?: string
  user?: string
}

interface Choice {
  options: GlobalOptions
  environment: PartyEnvironment
  homeFolder: string
}

/** The state folder where none is named. */
export const LOCAL_STATE = '.tacit'

export interface ChosenPlatform {
  /** The name of its context; absent where none was chosen. */
  context?: string
  /** The user that the context speaks as. */
  user?: string
  /** The file that holds that user's session, where the context names one. */
  tokenFile?: string
  /** @throws Refusal `no_broker` where there is no deployment */
  url(): Promise<string>
  /** @throws Refusal `not_found`, or `platform_untrusted` where it is not the pinned one */
  manifest(): Promise<string>
}

/** @throws Refusal `not_found` for an unknown context, `invalid_request` for two platforms at once */
export async function choosePlatform(choice: Choice): Promise<ChosenPlatform> {
  const { options, environment, homeFolder } = choice
  if (options.context !== undefined && options.state !== undefined) {
    throw new Refusal('invalid_request', 'two platforms are named at once', { hint: 'give --context or --state' })
  }
  const contexts = new ContextStore(homeFolder)
  const name = options.context ?? (options.state === undefined ? await nameWithoutFlag(choice, contexts) : undefined)
  const context = name === undefined ? undefined : await contexts.read(name)
  const state = options.state ?? environment.state ?? LOCAL_STATE
  // If a flag names the platform, what the environment says is about another one.
  const isFlagged = options.context !== undefined || options.state !== undefined
  const nats = options.nats ?? (isFlagged ? undefined : environment.nats) ?? context?.nats
  const manifestPath = options.manifest ?? (isFlagged ? undefined : environment.manifest)
  return {
    ...defined({ context: name, user: context?.user, tokenFile: context?.token_file }),
    url: async () => nats ?? (await localUrl(state)),
    async manifest() {
      if (manifestPath !== undefined) return readManifest(manifestPath)
      if (name !== undefined && context !== undefined) return readPinned(name, context)
      return readManifest(join(state, 'manifest.json'))
    },
  }
}

/** The context of the environment, or the one in use. */
async function nameWithoutFlag({ environment }: Choice, contexts: ContextStore): Promise<string | undefined> {
  if (environment.context !== undefined) return environment.context
  return environment.state === undefined ? contexts.inUse() : undefined
}

function readManifest(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Refusal('not_found', `there is no manifest at ${resolve(path)}`, {
      hint: 'start a deployment here with "npm start", name your manifest with --manifest, or choose a context',
      cause,
    })
  })
}

async function localUrl(state: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(state, 'broker.json'), 'utf8')) as { url?: string }
    if (url !== undefined) return url
  } catch {
    // There is no deployment on this machine, so the refusal below asks for another.
  }
  throw new Refusal('no_broker', `no deployment has its state in ${resolve(state)}`, {
    hint: 'start one with "npm start", name its broker with --nats, or choose a context with "tacit context use"',
  })
}
