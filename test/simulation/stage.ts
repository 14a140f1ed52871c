/**
 * The platform that histories are played on: connections by name, files that lie there from the start, an eye that sees
 * what management has in the name of anybody, and digests of the functions, which the model is told.
 */
import { encryptFile } from '../../attestation/index.ts'
import type { TacitConnection } from '../../client/index.ts'
import { createFileCrypto, uploadInput, uploadRawInput } from '../../client/index.ts'
import type { OutputScheme } from '../../messages/index.ts'
import { management } from '../../messages/index.ts'
import type { Client } from '../../runtime/index.ts'
import type { Party } from '../support/deployment.ts'
import type { WholePlatform } from '../support/whole_platform.ts'
import { ADMIN_ID, startWholePlatform } from '../support/whole_platform.ts'
import { FUNCTIONS } from './model/functions.ts'
import type { Content } from './model/world.ts'
import type { WireFile } from './wire.ts'

export interface Stage extends AsyncDisposable {
  admin: Party
  manifest: string
  files: readonly WireFile[]
  /** The digest of each of `FUNCTIONS`. */
  digests: readonly string[]
  /** Management, as a frontend asks it. */
  eye: Client<typeof management>
  /** One for each name, with a key of its own. */
  connectionOf(name: string): Promise<TacitConnection>
}

/** What the files hold, and how they are encrypted; `damaged`: what lies there is not what was registered. */
const CONTENTS: readonly [content: Content, scheme: OutputScheme | 'raw'][] = [
  [['ada', 'bea', 'cleo', 'dora'], 'aes-gcm-256'],
  [['bea', 'bea', 'cleo', 'eve'], 'aes-gcm-128'],
  [['ada', 'eve'], 'teaclave-file-128'],
  [['cleo', 'dora', 'eve'], 'raw'],
  [['zoe', 'ada'], 'aes-gcm-256'],
  ['damaged', 'aes-gcm-256'],
  [[], 'aes-gcm-256'],
  [['0', '1', '1'], 'teaclave-file-128'],
]

export async function openStage(): Promise<Stage> {
  const platform: WholePlatform = await startWholePlatform()
  const admin = await platform.login(ADMIN_ID, platform.adminPassword)
  const connections = new Map<string, Promise<TacitConnection>>()
  const files = await Promise.all(CONTENTS.map((one) => store(admin.connection, ...one)))
  const digests: string[] = []
  for (const kind of FUNCTIONS) {
    const request = { ...structuredClone(kind), executor: 'builtin' as const, public: false }
    const { function_id } = await admin.api.register_function(
      request as Parameters<typeof admin.api.register_function>[0],
    )
    digests.push((await admin.api.get_function({ function_id })).function_digest)
  }
  return {
    admin,
    manifest: platform.platform.manifestText,
    files,
    digests,
    eye: platform.frontendHost.client(management),
    connectionOf(name) {
      const open = connections.get(name) ?? platform.connect()
      connections.set(name, open)
      return open
    },
    [Symbol.asyncDispose]: platform.stop,
  }
}

async function store(connection: TacitConnection, content: Content, scheme: OutputScheme | 'raw'): Promise<WireFile> {
  const bytes = Buffer.from(content === 'damaged' ? 'ada\n' : content.map((line) => `${line}\n`).join(''))
  const wire =
    scheme === 'raw'
      ? await uploadRawInput(connection.files, bytes)
      : await uploadInput(connection.files, bytes, createFileCrypto(scheme))
  // The tag of another content under the same key.
  const tag =
    content === 'damaged' && scheme !== 'raw' ? encryptFile(Buffer.from('bea\n'), createFileCrypto()).tag : wire.tag
  const { url, crypto } = wire
  return { scheme, url, tag: Buffer.from(tag).toString('base64'), content, wire: { url, tag, crypto } }
}
