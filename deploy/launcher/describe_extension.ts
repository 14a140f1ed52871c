/**
 * A short-lived process that loads an extension's file and sends its protocol to the launcher, so somebody else's code
 * never runs in the launcher. `extension.ts` starts it with the file as its argument.
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
