/**
 * What every command of a party shares: where the platform is, whom it pins, and as whom it speaks. Sessions are kept in a
 * folder of the user's own, one file a user, readable by him alone: the token and the key it is bound to.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { exportSecret, fromBase64url, importSigningKey, toBase64url } from '../../attestation/index.ts'
import { parseBy, Refusal } from '../../messages/index.ts'
import type { Api, Session } from '../connection.ts'
import { TacitConnection } from '../connection.ts'
import type { Output } from './output.ts'

/** Options that stand before or behind every command. */
export interface GlobalOptions {
  nats?: string
  manifest?: string
  state: string
  as?: string
}

export interface PartyContext {
  output: Output
  options: GlobalOptions
  /** Where sessions are kept. */
  homeFolder: string
  /** A line from the terminal or from a pipe, without echo. */
  readPassword: (prompt: string) => Promise<string>
  signal: AbortSignal
}

const sessionFile = z.strictObject({
  user_id: z.string(),
  token: z.string(),
  expires_at: z.int(),
  signing_key: z.string(),
  nats: z.string(),
})

/** The broker's address: the flag, or what the state folder of a deployment on this machine says. */
export async function platformAddress({ options }: PartyContext): Promise<{ url: string; manifest: string }> {
  const manifestPath = options.manifest ?? join(options.state, 'manifest.json')
  const manifest = await readFile(manifestPath, 'utf8').catch((cause: unknown) => {
    throw new Refusal('not_found', `there is no manifest at ${resolve(manifestPath)}`, {
      hint: 'start a deployment here with "npm start", or name the manifest you trust with --manifest',
      cause,
    })
  })
  return { url: options.nats ?? (await localUrl(options.state)), manifest }
}

async function localUrl(state: string): Promise<string> {
  try {
    const { url } = JSON.parse(await readFile(join(state, 'broker.json'), 'utf8')) as { url?: string }
    if (url !== undefined) return url
  } catch {
    // No deployment on this machine; the flag is needed.
  }
  throw new Refusal('no_broker', `no deployment has its state in ${resolve(state)}`, {
    hint: 'start one with "npm start", or name its broker with --nats',
  })
}

/** Runs `action` on a proven connection without a session. */
export async function withConnection<T>(
  context: PartyContext,
  action: (connection: TacitConnection) => Promise<T>,
): Promise<T> {
  await using connection = await TacitConnection.open({ ...(await platformAddress(context)), signal: context.signal })
  return await action(connection) // before the connection is closed
}

/** Runs `action` as the user who logged in last, or as `--as` says. */
export async function withSession<T>(
  context: PartyContext,
  action: (api: Api, connection: TacitConnection, session: Session) => Promise<T>,
): Promise<T> {
  const saved = await readSession(context)
  const address = await platformAddress(context)
  await using connection = await TacitConnection.open({
    ...address,
    signal: context.signal,
    signingKey: importSigningKey(fromBase64url(saved.signing_key)),
  })
  const session = { userId: saved.user_id, token: saved.token, expiresAtMs: saved.expires_at }
  return await action(connection.as(session), connection, session) // before the connection is closed
}

export async function saveSession(
  context: PartyContext,
  session: Session,
  connection: TacitConnection,
  url: string,
): Promise<void> {
  const text = JSON.stringify({
    user_id: session.userId,
    token: session.token,
    expires_at: session.expiresAtMs,
    signing_key: toBase64url(exportSecret(connection.signingKey)),
    nats: url,
  })
  const folder = join(context.homeFolder, 'sessions')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writePrivate(join(folder, `${session.userId}.json`), text)
  await writePrivate(join(context.homeFolder, 'last-user'), session.userId)
}

async function readSession(context: PartyContext): Promise<z.infer<typeof sessionFile>> {
  const user =
    context.options.as ?? (await readFile(join(context.homeFolder, 'last-user'), 'utf8').catch(() => undefined))?.trim()
  const nobody = new Refusal(
    'unauthenticated',
    user === undefined ? 'nobody is logged in' : `${user} is not logged in`,
    {
      hint: `run "tacit login ${user ?? '<user>'}"`,
    },
  )
  if (user === undefined || !/^[\w.@-]+$/.test(user)) throw nobody
  const text = await readFile(join(context.homeFolder, 'sessions', `${user}.json`), 'utf8').catch(() => {
    throw nobody
  })
  try {
    return parseBy(sessionFile, JSON.parse(text), 'session file')
  } catch {
    throw nobody
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
