import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { protocol, Refusal } from '../../../messages/index.ts'
import type { LetterContext } from '../../../runtime/actor.ts'
import { actor } from '../../../runtime/actor.ts'
import type { AuditNote } from '../../../runtime/audit/audit_writer.ts'
import { CallFacts, recordCalls, recordRefusals, wordsOfCall } from '../../../runtime/audit/call_records.ts'

const text = z.strictObject({ text: z.string() })
const method = { about: 'Answers.', request: text, reply: text, refuses: [] }
const desk = protocol('desk', 'Answers.', ['client'], { noted: method, unnoted: method })
const contextOf = (requestId: string): LetterContext => ({
  sender: { role: 'client', id: 'a' },
  requestId,
  deadlineMs: 1000,
  signal: new AbortController().signal,
  plain: false,
})

function openDesk() {
  const notes: AuditNote[] = []
  const audit = { admit: () => {}, note: (note: AuditNote) => void notes.push(note) }
  const facts = new CallFacts<{ user: string; object: string }>()
  const answer = ({ text: said }: { text: string }, context: LetterContext) => {
    if (said !== 'stranger') facts.tell(context, { user: 'ann' })
    facts.tell(context, { object: said })
    if (said === 'defect') throw new Error('of our own')
    if (said !== 'ok') throw new Refusal('forbidden', 'may not', { field: 'text' })
    return { text: said }
  }
  const observer = recordCalls<typeof desk>(
    {
      noted: (call) => {
        const { user, object } = facts.of(call.context)
        return object === 'secret'
          ? undefined
          : { kind: 'call', user: user ?? null, object: object ?? null, text: wordsOfCall(call, user, 'done') }
      },
    },
    audit,
  )
  const served = actor(
    desk,
    { noted: answer, unnoted: answer },
    { ...observer, onRefused: recordRefusals(desk, audit) },
  )
  return { ...served, notes, audit }
}

describe('calls as records', () => {
  test('have method, outcome and what the note says; words of a refusal only once its user is known', async () => {
    const { handlers, notes } = openDesk()
    for (const said of ['ok', 'no', 'defect', 'stranger', 'secret']) {
      await Promise.resolve(handlers.noted({ text: said }, contextOf(said))).catch(() => {})
    }
    expect(notes).toEqual([
      { kind: 'call', user: 'ann', object: 'ok', text: 'done', method: 'noted', outcome: 'ok' },
      { kind: 'call', user: 'ann', object: 'no', text: 'may not; field text', method: 'noted', outcome: 'forbidden' },
      { kind: 'call', user: 'ann', object: 'defect', text: '', method: 'noted', outcome: 'internal' },
      { kind: 'call', user: null, object: 'stranger', text: '', method: 'noted', outcome: 'forbidden' },
    ])
  })

  test('keep a call out that could not be written down, and no other', async () => {
    const { handlers, notes, audit } = openDesk()
    audit.admit = () => {
      throw new Refusal('overloaded', 'full')
    }
    await expect(handlers.noted({ text: 'ok' }, contextOf('1'))).rejects.toMatchObject({ code: 'overloaded' })
    expect(handlers.unnoted({ text: 'ok' }, contextOf('2'))).toEqual({ text: 'ok' })
    expect(notes).toEqual([])
  })

  test('of what came to no handler name the method if there is such a one, and nothing else', () => {
    const { onRefused, notes } = openDesk()
    for (const name of ['noted', 'an invention', 'toString']) {
      onRefused?.(name, new Refusal('invalid_request', 'made up', { field: 'made up' }))
    }
    const note = { kind: 'call', outcome: 'invalid_request' }
    expect(notes).toEqual([
      { ...note, method: 'noted' },
      { ...note, method: null },
      { ...note, method: null },
    ])
  })
})
