import { expect, it } from 'vitest'
import { SessionWatch } from '../../../actors/frontend/session_watch.ts'
import type { authentication, ReplyOf } from '../../../messages/index.ts'
import { ManualClock, silentLog } from '../../../runtime/index.ts'

type Facts = ReplyOf<typeof authentication, 'get_session_keys'>

const facts = (generation: number): Facts => ({ keys: [], generations: { ann: generation }, ended_sessions: [] })

/** An authentication whose answers the test gives, each when it likes. */
function openWatch() {
  const clock = new ManualClock()
  const asked: ((reply: Facts) => void)[] = []
  const client = { get_session_keys: () => new Promise<Facts>((resolve) => void asked.push(resolve)) }
  return { clock, asked, watch: new SessionWatch(client, clock, silentLog) }
}

it('does not use facts of a slow answer as if they were new', async () => {
  const { clock, asked, watch } = openWatch()
  const first = watch.current()
  clock.advance(700)
  asked[0]!(facts(1))
  expect((await first).generations.get('ann')).toBe(1)
  // Within the half second before the next question, the facts become older than a second.
  clock.advance(400)
  const second = watch.current()
  expect(asked).toHaveLength(2)
  asked[1]!(facts(2))
  expect((await second).generations.get('ann')).toBe(2)
  watch.close()
})

it('asks again when an answer is stale as it comes, and then takes what it has', async () => {
  const { clock, asked, watch } = openWatch()
  const waiting = watch.current()
  clock.advance(1_500)
  asked[0]!(facts(1))
  await expect.poll(() => asked.length).toBe(2)
  clock.advance(1_500)
  asked[1]!(facts(2))
  expect((await waiting).generations.get('ann')).toBe(2)
  expect(asked).toHaveLength(2)
  watch.close()
})
