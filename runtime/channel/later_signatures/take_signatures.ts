/** Where signed roots come in: only from a member, sealed to us, each frame of them signed. Noise is told to the log, a little of it. */
import { Refusal } from '../../../messages/index.ts'
import { BoundedLog } from '../../log.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Subscription, Transport } from '../../broker/transport.ts'
import type { AwaitedRoots } from './awaited_signatures.ts'
import type { SealedChannel } from '../sealed_channel.ts'

export interface RootsInbox {
  channel: SealedChannel
  transport: Transport
  subject: string
  awaitedRoots: AwaitedRoots
  clock: Clock
  log: Log
}

export function takeRoots({ channel, transport, subject, awaitedRoots, clock, log }: RootsInbox): Subscription {
  const noise = new BoundedLog(log, clock)
  const drop = (error: unknown) => noise.warn({ err: error }, 'roots were dropped')
  return transport.subscribe(subject, {}, (delivery) => {
    try {
      const opened = channel.open(delivery.subject, delivery.data, ({ passport }, kind) => {
        if (kind !== 'roots') throw new Refusal('misaddressed', 'this subject takes roots only')
        if (passport === undefined) throw new Refusal('not_admitted', 'only members owe roots')
      })
      if (!(opened instanceof Promise)) return awaitedRoots.settle(opened.peer.sender.id, opened.letters)
      opened.then((frame) => awaitedRoots.settle(frame.peer.sender.id, frame.letters)).catch(drop)
    } catch (error) {
      drop(error)
    }
  })
}
