#!/usr/bin/env node
/**
 * What `nats req`, `nats object put` and `nats object get` do with the words that our pages give them, for machines
 * where that command is not installed. It takes no other words.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { headers } from '@nats-io/nats-core'
import { Objm } from '@nats-io/obj'
import { connect } from '@nats-io/transport-node'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    raw: { type: 'boolean' },
    timeout: { type: 'string', default: '5s' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    name: { type: 'string' },
    output: { type: 'string', short: 'O' },
  },
})
const connection = await connect({ servers: process.env.NATS_URL })
const bucket = () => new Objm(connection).open(positionals[2])
const command = positionals[0] === 'object' ? `object ${positionals[1]}` : positionals[0]

if (command === 'req') {
  const [, subject, body] = positionals
  const sent = headers()
  for (const header of values.header) sent.append(...header.split(/: (.*)/s, 2))
  const answer = await connection.request(subject, body, { headers: sent, timeout: parseFloat(values.timeout) * 1000 })
  process.stdout.write(`${answer.string()}\n\n\n`)
} else if (command === 'object put') {
  const { name } = await (await bucket()).putBlob({ name: values.name }, await readFile(positionals[3]))
  process.stdout.write(`Object information for ${positionals[2]} > ${name}\n`)
} else if (command === 'object get') {
  const content = await (await bucket()).getBlob(positionals[3])
  if (content === null) throw new Error(`there is no object ${positionals[3]}`)
  await writeFile(values.output, content)
} else throw new Error(`this stand-in knows no "nats ${command}"`)
await connection.close()
