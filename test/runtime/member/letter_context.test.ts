import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../runtime/index.ts'
import { HandledLetter } from '../../../runtime/member/letter_context.ts'

const sender = { role: 'asker', id: 'asker-1' }

function sampleLetter(more: object = {}) {
  const clock = new ManualClock()
  const stopping = new AbortController()
  const facts = { sender, requestId: 'r', deadlineMs: clock.now() + 1000, ...more }
  return { clock, stopping, letter: new HandledLetter(facts, clock, stopping.signal) }
}

describe('a letter that is handled', () => {
  test('says who sent it, what it is, and until when it matters', () => {
    const { letter, clock } = sampleLetter()
    expect(letter).toMatchObject({ sender, requestId: 'r', deadlineMs: clock.now() + 1000, plain: false })
    expect(letter.bearer).toBeUndefined()
  })

  test('that came plainly has its bearer token, where it brought one', () => {
    expect(sampleLetter({ plain: { bearer: 'token' } }).letter).toMatchObject({ plain: true, bearer: 'token' })
    expect(sampleLetter({ plain: { bearer: undefined } }).letter.bearer).toBeUndefined()
  })
})

describe('its signal', () => {
  test('aborts at the deadline, with the reason', () => {
    const { letter, clock } = sampleLetter()
    const { signal } = letter
    clock.advance(999)
    expect(signal.aborted).toBe(false)
    clock.advance(1)
    expect(signal.reason).toMatchObject({ code: 'deadline_exceeded' })
  })

  test('aborts when the member stops', () => {
    const { letter, stopping } = sampleLetter()
    const { signal } = letter
    stopping.abort()
    expect(signal.aborted).toBe(true)
  })

  test('is aborted already when the member has stopped', () => {
    const { letter, stopping } = sampleLetter()
    stopping.abort()
    expect(letter.signal.aborted).toBe(true)
  })

  test('is one, however often it is asked for', () => {
    const { letter } = sampleLetter()
    expect(letter.signal).toBe(letter.signal)
  })

  test('holds nothing any more once the letter is done', () => {
    const { letter, clock, stopping } = sampleLetter()
    const { signal } = letter
    letter.end()
    clock.advance(2000)
    stopping.abort()
    expect(signal.aborted).toBe(false)
    expect(getEventListeners(stopping.signal, 'abort')).toEqual([])
  })

  test('that nobody asked for costs no timer', () => {
    const { letter, stopping } = sampleLetter()
    expect(getEventListeners(stopping.signal, 'abort')).toEqual([])
    letter.end()
  })
})
