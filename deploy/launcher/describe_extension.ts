/**
 * A short-lived process that loads an extension's file and tells the launcher its protocol, so that code of somebody
 * else's never runs in the launcher. Started by `extension.ts` with the file as its argument.
 */
import type { RefusalNote } from '../../messages/index.ts'
import { callersOf, mapValues, Refusal } from '../../messages/index.ts'
import { loadService } from '../../runtime/index.ts'
import type { ProtocolNote } from '../services.ts'

process.send?.(await describe(process.argv[2] ?? ''), () => process.exit(0))

async function describe(path: string): Promise<{ protocol: ProtocolNote } | { refusal: RefusalNote }> {
  try {
    const { protocol } = await loadService(path)
    const methods = mapValues<typeof protocol.methods, ProtocolNote['methods']>(
      protocol.methods,
      ({ about }, name) => ({
        about,
        callers: [...callersOf(protocol, name)],
      }),
    )
    const { name, about, callers } = protocol
    return { protocol: { name, about, callers: [...callers], methods } }
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal('internal', String(error))
    return { refusal: refusal.toNote() }
  }
}
