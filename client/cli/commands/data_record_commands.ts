/**
 * `tacit data list | get | move | fuse | pass-on | delete`: the platform's records of data. No command here reads or
 * writes a file's content.
 */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { DataView } from '../../../messages/index.ts'
import { defined, inputId, outputId, parseBy } from '../../../messages/index.ts'
import type { PartyContext } from '../platform/party.ts'
import { collectAll, PAGE, withSession } from '../platform/party.ts'
import { readRule, ruleOption } from '../terminal/given_file.ts'

interface ListOptions {
  kind?: 'input' | 'output'
  produced?: true
  notProduced?: true
}

/** @param data the command group that these belong to */
export function addDataRecordCommands(data: Command, contextOf: (command: Command) => PartyContext): void {
  data
    .command('list')
    .description('list your data')
    .addOption(new Option('--kind <kind>', 'only inputs, or only outputs').choices(['input', 'output']))
    .option('--produced', 'only outputs that a task has written')
    .option('--not-produced', 'only outputs that no task has written yet')
    .action(async (options: ListOptions, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const kind = {
          ...defined({ kind: options.kind }),
          ...(options.produced === options.notProduced ? {} : { produced: options.produced === true }),
        }
        const found = await collectAll(async (after) => {
          const page = await api.list_data({ limit: PAGE, ...kind, ...after })
          return { items: page.data, next: page.next }
        })
        context.output.result({ data: found }, found.map(lineOf))
      })
    })
  data
    .command('get <data>')
    .description('show the record of your data, which never includes its address or its key')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const view = isInput(id)
          ? await api.get_input_file({ data_id: id })
          : await api.get_output_file({ data_id: parseBy(outputId, id, 'data get') })
        context.output.result({ data: view }, [lineOf(view)])
      })
    })
  data
    .command('move <data> <url>')
    .description('register the same data at another url; it gets a new id')
    .action(async (id: string, url: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { data_id } = isInput(id)
          ? await api.update_input_file({ data_id: id, url })
          : await api.update_output_file({ data_id: id, url })
        context.output.result({ data_id }, [data_id])
      })
    })
  data
    .command('fuse <owners...>')
    .description(
      'register an output that several users own together; the platform makes its key, and no owner ever gets it',
    )
    .addOption(ruleOption())
    .action(async (owners: string[], options: { rule?: string }, command: Command) => {
      const context = contextOf(command)
      const rule = await readRule(options.rule)
      await withSession(context, async (api) => {
        const { data_id } = await api.register_fusion_output({ owners, ...rule })
        context.output.result({ data_id }, [data_id])
      })
    })
  data
    .command('pass-on <output>')
    .description('register an output that a task has written as an input, with the same owners')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const { data_id } = await api.register_input_from_output({ data_id: id })
        context.output.result({ data_id }, [data_id])
      })
    })
  data
    .command('delete <data>')
    .description('delete the record of data and its key, for all of its owners')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        await api.delete_data({ data_id: id })
        context.output.result({ data_id: id, deleted: true }, [`deleted ${id}`])
      })
    })
}

function isInput(id: string): boolean {
  return inputId.safeParse(id).success
}

function lineOf({ data_id, owners, scheme, tag }: DataView): string {
  return `${data_id}  of ${owners.join(' and ')}  ${scheme}  ${tag === undefined ? 'not written' : 'written'}`
}
