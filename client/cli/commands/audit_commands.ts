/** `tacit audit query | verify`: shows admins what happened on the platform, and whether its log is complete. */
import type { Command } from 'commander'
import type { AuditEntry } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'
import { CommandFailure } from '../terminal/output.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'
import { parseMoment } from '../terminal/option_values.ts'

/** Reading a long log takes a while. */
const VERIFY_MS = 60_000

interface QueryOptions {
  user?: string
  method?: string
  task?: string
  outcome?: string
  text?: string
  from?: number
  to?: number
  limit?: number
  after?: string
}

export function addAuditCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const audit = program.command('audit').description('the log of every call, refusal, decision and change (admins)')
  audit
    .command('query')
    .description('show the records that match, newest first')
    .option('--user <id>', 'only records of this user')
    .option('--method <name>', 'only records of this method')
    .option('--task <task>', 'only records about this task')
    .option(
      '--outcome <outcome>',
      'only records with this outcome: "ok", the code of a refusal, or the state of a task',
    )
    .option('--text <text>', 'only records that contain this text')
    .option('--from <moment>', 'only records from this moment on, such as 2026-01-31T12:00:00Z', parseMoment)
    .option('--to <moment>', 'only records before this moment', parseMoment)
    .option('--limit <n>', 'show at most this many', Number)
    .option('--after <next>', 'continue where an earlier answer ended')
    .action(async (options: QueryOptions, command: Command) => {
      const context = contextOf(command)
      // Picked one by one: global flags such as --json are no part of the query.
      const { user, method, task, outcome, text, from, to, limit, after } = options
      const query = defined({ user, method, task, outcome, text, from, to, limit, after })
      await withSession(context, async (api) => {
        const { entries, damaged, next } = await api.query_audit_log(query)
        context.output.result({ entries, damaged, ...defined({ next }) }, entries.map(lineOf))
        if (damaged > 0) context.output.say(`${damaged} pages could not be opened; run "tacit audit verify"`)
        if (next !== undefined) context.output.say(`there is more: --after ${next}`)
      })
    })
  audit
    .command('verify')
    .description('read the whole log, and say what was removed, changed or moved')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const options = { timeoutMs: VERIFY_MS, attemptMs: VERIFY_MS, signal: context.signal }
        const report = await api.verify_audit_log({}, options)
        const { intact, records, writers, findings } = report
        if (intact) {
          context.output.result({ ...report }, [`the audit log is complete: ${records} records of ${writers} members`])
          return
        }
        const places = findings.map(({ writer, page, problem }) =>
          page === undefined ? `${writer} ${problem}` : `page ${page} of ${writer} ${problem}`,
        )
        for (const place of places) context.output.say(place)
        throw new CommandFailure(
          'state_damaged',
          `the audit log is not as it was written: ${places[0]}`,
          { ...report },
          { hint: 'somebody changed the stream AUDIT on the broker; first of all, keep a copy of it' },
        )
      })
    })
}

function lineOf({ at, user, method, task, object, outcome, text, count }: AuditEntry): string {
  const parts = [new Date(at).toISOString(), user ?? '-', method ?? '-', outcome, task ?? object ?? '-', text]
  return `${parts.join('  ')}${count === 1 ? '' : `  (${count} times)`}`
}
