/** Why a task is where it is, in words for its parties: what it waits for and from whom, or how it ended. */
import type { TermsFile } from '../../../messages/index.ts'
import { unassignedFiles } from './task_terms.ts'
import type { StagedEntry } from './staged_entry.ts'
import type { TaskRecord } from './task_record.ts'

/** Names that a reason gives; it only counts the others, since lists show it. */
const NAMES_MAX = 6
/** A list of a thousand tasks fits one letter. */
const SHORT_MAX = 120

/**
 * @param staged the outbox entry of a task that is Staged or Running, where it is at hand
 * @param isWithoutWorker whether it is known that no worker takes such tasks
 */
export function reasonOf(record: TaskRecord, staged?: StagedEntry, isWithoutWorker = false): string {
  switch (record.state) {
    case 'Created':
      return `waits for data: ${listSome(unassignedFiles(record.terms).map(describeFile))}`
    case 'DataAssigned':
      return `waits for the approval of ${listSome(missingApprovals(record))}`
    case 'Approved':
      return `approved; waits for ${record.creator} to invoke it`
    case 'Staged':
      return describeWait(record, staged, isWithoutWorker)
    case 'Running':
      return `runs, ${describeAttempt(record)}`
    case 'Finished':
      return `finished, ${describeAttempt(record)}`
    case 'Failed':
    case 'Canceled':
      return record.end === undefined ? record.state : describeEnd(record.end)
  }
}

/** The reason as lists show it. */
export function shortReasonOf(record: TaskRecord): string {
  const reason = reasonOf(record)
  return reason.length <= SHORT_MAX ? reason : `${reason.slice(0, SHORT_MAX - 4)} ...`
}

function missingApprovals(record: Pick<TaskRecord, 'parties' | 'approved_by'>): string[] {
  return record.parties.filter((party) => !record.approved_by.includes(party))
}

function describeWait(record: TaskRecord, staged: StagedEntry | undefined, isWithoutWorker: boolean): string {
  const { executor, options } = record.terms
  const worker = `a worker of class ${options.needs.class} that runs ${executor} functions, ${describeAttempt(record)}`
  if (staged?.problem !== undefined) return `could not be put on the queue yet (${staged.problem}); needs ${worker}`
  if (isWithoutWorker) {
    const kind = `executor ${executor}, class ${options.needs.class}`
    return `no worker offers ${kind}; waits for one, ${describeAttempt(record)}`
  }
  if (record.failures !== undefined && record.failures.token === record.run?.token) {
    return `its run failed (${record.failures.reason}); waits for ${worker}`
  }
  return record.attempt > 1 ? `its worker was lost; waits for ${worker}` : `waits for ${worker}`
}

function describeAttempt(record: TaskRecord): string {
  const { attempts, retries } = record.terms.options
  return `attempt ${record.attempt} of ${attempts + retries}`
}

function describeEnd({ code, reason }: { code?: string; reason: string }): string {
  return code === undefined ? reason : `${code}: ${reason}`
}

function describeFile(file: TermsFile): string {
  return `${file.name} of ${file.owners.join(' and ')}`
}

function listSome(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).join(', ')
  return names.length <= NAMES_MAX ? shown : `${shown} and ${names.length - NAMES_MAX} more`
}
