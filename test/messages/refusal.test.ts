import { describe, expect, test } from 'vitest'
import type { RefusalCode } from '../../messages/index.ts'
import { isRetryable, parseRefusal, Refusal, REFUSALS } from '../../messages/index.ts'

describe('a refusal', () => {
  test('travels with its hint and its field, and without its cause', () => {
    const refusal = new Refusal('invalid_request', 'no', { hint: 'yes', field: 'a.b', cause: new Error('inside') })
    expect(refusal.toNote()).toEqual({ code: 'invalid_request', message: 'no', hint: 'yes', field: 'a.b' })
    expect(parseRefusal(refusal.toNote())).toMatchObject({
      code: 'invalid_request',
      message: 'no',
      hint: 'yes',
      field: 'a.b',
    })
    expect(new Refusal('conflict', 'x').toNote()).toEqual({ code: 'conflict', message: 'x' })
  })

  test.each([undefined, null, 7, 'text', [], {}, { code: 'nonsense' }, { code: 'toString' }, { code: 7, message: 8 }])(
    'of another form counts as internal: %j',
    (note) => {
      const refusal = parseRefusal(note)
      expect(refusal.code).toBe('internal')
      expect(typeof refusal.message).toBe('string')
    },
  )

  test('has an advice and a status for each code', () => {
    for (const code of Object.keys(REFUSALS) as RefusalCode[]) {
      const refusal = new Refusal(code, 'x')
      expect(['fix', 'retry', 'stop']).toContain(refusal.advice)
      expect(refusal.status).toBeGreaterThanOrEqual(400)
      expect(refusal.status).toBeLessThan(600)
    }
  })

  test('is worth another try where its advice says so, and nothing else is', () => {
    expect(isRetryable(new Refusal('overloaded', 'x'))).toBe(true)
    expect(isRetryable(new Refusal('forbidden', 'x'))).toBe(false)
    expect(isRetryable(new Error('overloaded'))).toBe(false)
  })
})

test('the codes are these: one may be added, none renamed', () => {
  expect(Object.keys(REFUSALS)).toEqual(
    expect.arrayContaining(
      (
        'malformed unknown_version unknown_method invalid_request too_large misaddressed expired replayed ' +
        'stale_epoch not_admitted platform_untrusted revoked plain_not_accepted unauthenticated wrong_credentials ' +
        'locked_out forbidden not_found already_exists conflict not_ready ' +
        'stale_terms task_ended lease_lost quota_exceeded ' +
        'overloaded deadline_exceeded unavailable canceled unsupported tag_mismatch function_failed receipt_invalid ' +
        'state_in_use state_damaged port_taken no_broker internal'
      ).split(' '),
    ),
  )
})
