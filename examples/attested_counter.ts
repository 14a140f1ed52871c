/**
 * A service of one's own: counts, and keeps the counts sealed. Start a deployment with it, and call it as a party:
 *
 *     npx tacit up --port 4222 --service dist/examples/attested_counter.js
 *     nats req tacit.counter.add '{"name":"visits","by":1}'
 *     node dist/examples/attested_counter.js <nats url> <manifest file>
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { TacitConnection } from 'tacit/client'
import { actor, openStore, pack, protocol, Refusal, retryOnConflict, service, unpack, z } from 'tacit/runtime'

const name = z.string().regex(/^[a-z]{1,32}$/)
const reply = z.strictObject({ count: z.int() })

export const counter = protocol('counter', 'Counts, and keeps the counts sealed', ['client', 'extension'], {
  add: {
    about: 'Adds to a count, and answers with what it is then',
    request: z.strictObject({ name, by: z.int().min(1).max(1000) }),
    reply,
    refuses: ['quota_exceeded'],
    idempotent: false,
    plain: true,
  },
  read: {
    about: 'What a count is; 0 where nothing was counted',
    request: z.strictObject({ name }),
    reply,
    refuses: [],
    plain: true,
  },
})

export default service(counter, (host) => {
  const store = openStore(host)
  const countIn = (value: Uint8Array | undefined) => (value === undefined ? 0 : Number(unpack(value, 64)))
  return {
    actor: actor(counter, {
      add: ({ name, by }) =>
        retryOnConflict(async () => {
          const entry = await store.get(name)
          const count = countIn(entry?.value) + by
          if (count > 1_000_000) throw new Refusal('quota_exceeded', `${name} has been counted enough`)
          await store.put(name, pack(count), entry?.revision ?? 0)
          return { count }
        }),
      read: async ({ name }) => ({ count: countIn((await store.get(name))?.value) }),
    }),
  }
})

// Run as a program, this file is the party that calls it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url = 'nats://127.0.0.1:4222', manifest = '.tacit/manifest.json'] = process.argv.slice(2)
  const connection = await TacitConnection.open({ url, manifest: await readFile(manifest, 'utf8') })
  const { count } = await connection.service(counter).add({ name: 'visits', by: 1 })
  process.stdout.write(`visits: ${count}\n`)
  await connection.close()
}
