/**
 * Contexts: platforms under names that the user chose, each in a file of their configuration folder. A context pins the
 * manifest by its digest: if the manifest's file changes later, the context is refused until it is pinned anew.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { manifestDigest, parseManifest } from '../../../attestation/index.ts'
import { parseBy, Refusal, userId } from '../../../messages/index.ts'
import { readGiven } from '../terminal/given_file.ts'
import { readPrivate, writePrivate } from './private_file.ts'

/** Without dots, so that no context can have the name of a session's file. */
const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

const storedContext = z.strictObject({
  nats: z.string().refine(isBrokerUrl),
  /** Absolute path. */
  manifest: z.string(),
  /** SHA-256 of its text, 64 hex digits. */
  manifest_digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** The user that commands speak as unless a flag or the environment names another. */
  user: userId.optional(),
  /** Where that user's session is kept, instead of the configuration folder; absolute path. */
  token_file: z.string().optional(),
})
export type StoredContext = z.infer<typeof storedContext>

/** Whether the text can be the address of a broker, wherever one is given. */
export function isBrokerUrl(text: string): boolean {
  return /^(?:nats|tls|wss?):\/\/[^\s]+$/.test(text) || /^[\w.-]+:\d+$/.test(text)
}

export class ContextStore {
  readonly #folder: string
  readonly #inUse: string

  constructor(homeFolder: string) {
    this.#folder = join(homeFolder, 'contexts')
    this.#inUse = join(homeFolder, 'context')
  }

  /** The names, sorted. */
  async list(): Promise<string[]> {
    const files = await readdir(this.#folder).catch((): string[] => [])
    const names = files.map((file) => /^(.+)\.json$/.exec(file)?.[1] ?? '')
    return names.filter((name) => CONTEXT_NAME.test(name)).sort()
  }

  async find(name: string): Promise<StoredContext | undefined> {
    const text = await readPrivate(this.#pathOf(name))
    if (text === undefined) return undefined
    try {
      return parseBy(storedContext, JSON.parse(text), `context ${name}`)
    } catch (cause) {
      throw new Refusal('malformed', `the context "${name}" cannot be read`, {
        hint: `remove it with "tacit context remove ${name}" and add it again`,
        cause,
      })
    }
  }

  /** @throws Refusal `not_found` */
  async read(name: string): Promise<StoredContext> {
    const found = await this.find(name)
    if (found !== undefined) return found
    throw new Refusal('not_found', `there is no context "${name}"`, {
      hint: '"tacit context list" shows yours; "tacit context use --none" returns to the deployment on this machine',
    })
  }

  /** @throws Refusal `already_exists` unless `replace` is set, `invalid_request` for a wrong name, address or user */
  async write(name: string, context: StoredContext, replace: boolean): Promise<void> {
    if (!isBrokerUrl(context.nats)) throw wrong('nats', context.nats, 'give the address as nats://host:4222')
    if (context.user !== undefined && !userId.safeParse(context.user).success) {
      throw wrong('user', context.user, 'give the id of a user')
    }
    const text = `${JSON.stringify(context, null, 2)}\n`
    await writePrivate(this.#pathOf(name), text, { exclusive: !replace }).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.code !== 'already_exists') throw error
      throw new Refusal('already_exists', `there is a context "${name}"`, {
        hint: 'give --replace to pin its manifest anew, or choose another name',
      })
    })
  }

  /** Removes the context; if it was in use, none is afterwards. @throws Refusal `not_found` */
  async remove(name: string): Promise<void> {
    if (!(await this.list()).includes(name)) await this.read(name)
    await rm(this.#pathOf(name))
    if ((await this.inUse()) === name) await this.use(undefined)
  }

  /** The context of commands that name none; undefined where that is the deployment on this machine. */
  async inUse(): Promise<string | undefined> {
    const name = (await readPrivate(this.#inUse))?.trim()
    return name === '' ? undefined : name
  }

  async use(name: string | undefined): Promise<void> {
    if (name === undefined) return rm(this.#inUse, { force: true })
    await this.read(name)
    await writePrivate(this.#inUse, `${name}\n`)
  }

  #pathOf(name: string): string {
    if (!CONTEXT_NAME.test(name)) throw wrong('name', name, 'name it with letters, digits, _ and -, 64 at most')
    return join(this.#folder, `${name}.json`)
  }
}

function wrong(field: string, given: string, hint: string): Refusal {
  return new Refusal('invalid_request', `"${given}" cannot be the ${field} of a context`, { hint, field })
}

/**
 * Reads a manifest to pin it.
 * @throws Refusal `not_found`, or `malformed` or `invalid_request` where it is no manifest
 */
export async function pinManifest(path: string): Promise<{ manifest: string; manifest_digest: string }> {
  const text = (await readGiven(path, 'the manifest that you trust, as its operator gave it')).toString()
  parseManifest(text)
  return { manifest: path, manifest_digest: manifestDigest(text) }
}

/** The text of the pinned manifest. @throws Refusal `platform_untrusted` if its file has changed since */
export async function readPinned(name: string, { manifest, manifest_digest }: StoredContext): Promise<string> {
  const text = (await readGiven(manifest, `the manifest with "tacit context add ${name} --replace"`)).toString()
  if (manifestDigest(text) === manifest_digest) return text
  throw new Refusal('platform_untrusted', `${manifest} is not the manifest that the context "${name}" pins`, {
    hint:
      'compare it with the one that the operator publishes; ' +
      `once you trust it, "tacit context add ${name} --replace" pins it anew`,
  })
}
