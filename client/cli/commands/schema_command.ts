/** `tacit schema service.method`: shows what a method takes and answers, as JSON Schema. */
import type { Command } from 'commander'
import { z } from 'zod'
import type { Protocol } from '../../../messages/index.ts'
import { authentication, coordinator, defined, frontend, Refusal } from '../../../messages/index.ts'
import { commandOf } from './method_commands.ts'
import type { PartyContext } from '../platform/party.ts'

const OPEN_PROTOCOLS: readonly Protocol[] = [authentication, frontend, coordinator]

export function addSchemaCommand(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('schema [method]')
    .description('show what a method takes and answers, such as frontend.create_task; without a method, list them all')
    .action((name: string | undefined, _options: object, command: Command) => {
      const { output } = contextOf(command)
      const all = OPEN_PROTOCOLS.flatMap((protocol) =>
        Object.entries(protocol.methods).map(([method, entry]) => ({ id: `${protocol.name}.${method}`, entry })),
      )
      if (name === undefined) {
        output.result(
          { methods: all.map(({ id }) => id) },
          all.map(({ id, entry }) => `${id}  ${entry.about}${shownCommand(id)}`),
        )
        return
      }
      const found = all.find(({ id }) => id === name)
      if (found === undefined) {
        throw new Refusal('unknown_method', `clients have no method "${name}"`, {
          hint: 'run "tacit schema" for a list of methods',
        })
      }
      const { about, request, reply, refuses } = found.entry
      const document = {
        method: name,
        about,
        ...defined({ command: commandOf(name) }),
        request: toJsonSchema(request, 'input'),
        reply: toJsonSchema(reply, 'output'),
        refuses,
      }
      output.result(document, [JSON.stringify(document, null, 2)])
    })
}

function shownCommand(method: string): string {
  const command = commandOf(method)
  return command === undefined ? '' : `  ("${command}")`
}

function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' })
}
