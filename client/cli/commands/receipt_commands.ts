/** `tacit receipt verify`: verifies a receipt offline, against the manifest that the party pinned. */
import type { Command } from 'commander'
import { PLATFORMS, verifyReceipt } from '../../../attestation/index.ts'
import { Refusal } from '../../../messages/index.ts'
import { choosePlatform } from '../platform/chosen_platform.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'
import { readGiven } from '../terminal/given_file.ts'

export function addReceiptCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('receipt')
    .description('receipts: signed proofs of finished tasks')
    .command('verify [file]')
    .description('verify the receipt in a file, or that of a task, against the manifest')
    .option('--task <task>', 'verify the receipt of this task')
    .action(async (file: string | undefined, options: { task?: string }, command: Command) => {
      const context = contextOf(command)
      const manifest = await (await choosePlatform(context)).manifest()
      const { claims, worker } = await verifyReceipt(await readReceipt(context, file, options.task), manifest)
      const caveat = PLATFORMS.get(worker.platform)?.caveat
      context.output.result({ verified: true, claims, worker }, [
        `the receipt is genuine: ${claims.task_id}, attempt ${claims.attempt}, run by ${worker.member}`,
        `  on platform ${worker.platform}, measurement ${worker.measurement}`,
        `  terms ${claims.terms_digest}`,
        `  function ${claims.function_digest}`,
        `  result ${claims.result_digest}`,
        ...(caveat === undefined ? [] : [`  ${caveat}`]),
      ])
    })
}

async function readReceipt(context: PartyContext, file: string | undefined, task: string | undefined): Promise<string> {
  if (file !== undefined) return (await readGiven(file, 'the file with the receipt')).toString()
  if (task === undefined)
    throw new Refusal('invalid_request', 'the receipt is missing', { hint: 'name its file, or give --task <task>' })
  return withSession(context, async (api) => {
    const { result, state, reason } = await api.get_task({ task_id: task })
    if (result === undefined)
      throw new Refusal('not_ready', `${task} has no receipt yet: it is ${state}`, { hint: reason })
    return result.receipt
  })
}
