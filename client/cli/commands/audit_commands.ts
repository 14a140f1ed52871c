/** `tacit audit query | verify`: what happened on the platform, for admins, and whether the log of it is whole. */
import type { Command } from 'commander'
import type { AuditEntry } from '../../../messages/index.ts'
import { defined } from '../../../messages/index.ts'
import { parseMoment } from '../terminal/moment.ts'
import { CommandFailure } from '../terminal/output.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'

/** Reading a long log takes its time. */
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
  const audit = program.command('audit').description('what was called, refused, decided and changed (admins)')
  audit
    .command('query')
    .description('the records that fit, newest first')
    .option('--user <id>', 'of this user')
    .option('--method <name>', 'of this method')
    .option('--task <task>', 'about this task')
    .option('--outcome <outcome>', '"ok", the code of a refusal, or the state of a task')
    .option('--text <text>', 'with this anywhere in them')
    .option('--from <moment>', 'at this moment or later, such as 2026-01-31T12:00:00Z', parseMoment)
    .option('--to <moment>', 'before this moment', parseMoment)
    .option('--limit <n>', 'at most so many', Number)
    .option('--after <next>', 'go on where an earlier answer ended')
    .action(async (options: QueryOptions, command: Command) => {
      const context = contextOf(command)
      // Global flags are not of the query.
      const { user, method, task, outcome, text, from, to, limit, after } = options
      const given = Object.entries({ user, method, task, outcome, text, from, to, limit, after })
      const query: QueryOptions = Object.fromEntries(given.filter(([, value]) => value !== undefined))
      await withSession(context, async (api) => {
        const { entries, damaged, next } = await api.query_audit_log(query)
        context.output.result({ entries, damaged, ...defined({ next }) }, entries.map(lineOf))
        if (damaged > 0) context.output.say(`${damaged} pages did not open; run "tacit audit verify"`)
        if (next !== undefined) context.output.say(`there is more: --after ${next}`)
      })
    })
  audit
    .command('verify')
    .description('read the whole log, and tell what was removed, changed or put elsewhere')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const options = { timeoutMs: VERIFY_MS, attemptMs: VERIFY_MS, signal: context.signal }
        const report = await api.verify_audit_log({}, options)
        const { intact, records, writers, findings } = report
        if (intact) {
          context.output.result({ ...report }, [`the audit log is whole: ${records} records of ${writers} members`])
          return
        }
        const places = findings.map(({ writer, page, problem }) =>
          page === undefined ? `${writer} ${problem}` : `page ${page} of ${writer} ${problem}`,
        )
        for (const place of places) context.output.say(place)
        throw new CommandFailure(
          'state_damaged',
          `the audit log is not what was written: ${places[0]}`,
          { ...report },
          {
            hint: 'someone changed the stream AUDIT on the broker; keep a copy of it before anything else',
          },
        )
      })
    })
}

function lineOf({ at, user, method, task, object, outcome, text, count }: AuditEntry): string {
  const parts = [new Date(at).toISOString(), user ?? '-', method ?? '-', outcome, task ?? object ?? '-', text]
  return `${parts.join('  ')}${count === 1 ? '' : `  (${count} times)`}`
}
