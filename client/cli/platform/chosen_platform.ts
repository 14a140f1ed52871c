/**
 * Which platform a command speaks to: what its flags say, else the environment, else the context in use, else the
 * deployment that has its state in the working directory. Address and manifest are looked for each on its own, so that a
 * flag may replace one of them; the manifest is what is trusted, wherever the address leads.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { defined, Refusal } from '../../../messages/index.ts'
import { ContextStore, readPinned } from './context_store.ts'

/** Options that stand before or behind every command. */
export interface GlobalOptions {
  nats?: string
  manifest?: string
  state?: string
  context?: string
  as?: string
}

/** What the environment says where no flag does. */
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

/** The state folder of a deployment that nobody named. */
export const LOCAL_STATE = '.tacit'

export interface ChosenPlatform {
  /** Its name among the contexts; absent where none was chosen. */
  context?: string
  /** Whom the context speaks as. */
  user?: string
  /** Where the session of that user is. */
  tokenFile?: string
  /** @throws Refusal `no_broker` where there is no deployment */
  url(): Promise<string>
  /** @throws Refusal `not_found`, or `platform_untrusted` where it is not the one that was pinned */
  manifest(): Promise<string>
}

/** @throws Refusal `not_found` for a context that there is not, `invalid_request` for two platforms at once */
export async function choosePlatform(choice: Choice): Promise<ChosenPlatform> {
  const { options, environment, homeFolder } = choice
  if (options.context !== undefined && options.state !== undefined) {
    throw new Refusal('invalid_request', 'two platforms are named at once', { hint: 'give --context or --state' })
  }
  const contexts = new ContextStore(homeFolder)
  const name = options.context ?? (options.state === undefined ? await nameOutside(choice, contexts) : undefined)
  const context = name === undefined ? undefined : await contexts.read(name)
  const state = options.state ?? environment.state ?? LOCAL_STATE
  // A platform that a flag names goes before what the environment says of another.
  const isFlagged = options.context !== undefined || options.state !== undefined
  const nats = options.nats ?? (isFlagged ? undefined : environment.nats) ?? context?.nats
  const manifestPath = options.manifest ?? (isFlagged ? undefined : environment.manifest)
  return {
    ...defined({ context: name }),
    ...(context?.user === undefined ? {} : { user: context.user }),
    ...(context?.token_file === undefined ? {} : { tokenFile: context.token_file }),
    url: async () => nats ?? (await localUrl(state)),
    async manifest() {
      if (manifestPath !== undefined) return readManifest(manifestPath)
      if (name !== undefined && context !== undefined) return readPinned(name, context)
      return readManifest(join(state, 'manifest.json'))
    },
  }
}

/** The context that is chosen where no flag says which. */
async function nameOutside({ environment }: Choice, contexts: ContextStore): Promise<string | undefined> {
  if (environment.context !== undefined) return environment.context
  return environment.state === undefined ? contexts.inUse() : undefined
}

function readManifest(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Refusal('not_found', `there is no manifest at ${resolve(path)}`, {
      hint: 'start a deployment here with "npm start", name the manifest you trust with --manifest, or choose a context',
      cause,
    })
  })
}

async function localUrl(state: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(state, 'broker.json'), 'utf8')) as { url?: string }
    if (url !== undefined) return url
  } catch {
    // No deployment on this machine; something else has to be named.
  }
  throw new Refusal('no_broker', `no deployment has its state in ${resolve(state)}`, {
    hint: 'start one with "npm start", name its broker with --nats, or choose a context with "tacit context use"',
  })
}
