/**
 * Files of services as an operator might write them, good and bad, in a folder of their own with nothing around them.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const COUNTER = join(import.meta.dirname, '../../dist/examples/attested_counter.js')

/** A protocol of this name with one method `ask`, open to `callers`, and whatever `more` says of the method. */
export const protocolText = (name: string, callers = `['client']`, more = '') => `
import { actor, protocol, Refusal, service, openStore, pack, unpack, z } from 'tacit/runtime'
const ${name} = protocol('${name}', 'Of a test', ${callers}, {
  ask: { about: 'Asks', request: z.object({}), reply: z.object({ answer: z.unknown() }), refuses: [], ${more} },
})`

export const serviceText = (name: string, answer: string, callers?: string) => `${protocolText(name, callers)}
export default service(${name}, async (host) => ({
  actor: actor(${name}, { ask: async () => ({ answer: await (${answer})(host) }) }),
}))
`

/** @returns where each file is that was written into `folder` */
export async function writeServices<K extends string>(
  folder: string,
  texts: Readonly<Record<K, string>>,
): Promise<Record<K, string>> {
  await mkdir(folder, { recursive: true })
  const paths: Record<string, string> = {}
  for (const [name, text] of Object.entries<string>(texts)) {
    paths[name] = join(folder, name)
    await writeFile(paths[name], text)
  }
  return paths
}

/** The example, as it was built, away from the package. */
export async function copyCounter(folder: string): Promise<string> {
  const path = join(folder, 'counter.js')
  await mkdir(folder, { recursive: true })
  await copyFile(COUNTER, path)
  return path
}
