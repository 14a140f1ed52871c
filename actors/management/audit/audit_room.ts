/**
 * Warns in the log before the audit stream is full, for then the API stops. It looks when a member starts and once a
 * minute, and warns again when it has become worse by a percent. It changes nothing: the room is the operator's to
 * give.
 */
import { Refusal } from '../../../messages/index.ts'
import type { Clock, Log, RecordStream, Stop } from '../../../runtime/index.ts'
import { fillOf, repeat } from '../../../runtime/index.ts'

const LOOK_MS = 60_000

/** @returns ends the looks */
export function watchAuditRoom(stream: Pick<RecordStream, 'usage'>, clock: Clock, log: Log): Stop {
  let warned = 0
  async function look(): Promise<void> {
    const usage = await stream.usage()
    const { percent, isShort } = fillOf(usage)
    if (isShort && percent > warned) {
      log.warn({ percent, ...usage }, 'the audit log is nearly full, and nothing is done without it: give it more room')
    }
    warned = isShort ? Math.max(warned, percent) : 0
  }
  return repeat(look, {
    everyMs: LOOK_MS,
    clock,
    atOnce: true,
    onFailure(error) {
      // The broker is away or the stream is gone: its writers say so.
      if (!(error instanceof Refusal)) throw error
    },
  })
}
