import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { seal, unseal } from '../../../attestation/index.ts'

const key = randomBytes(32)
const plain = Buffer.from('what the coordinator must not lose')

describe('a sealed document', () => {
  test('opens under its key and purpose', () => {
    expect(Buffer.from(unseal(key, 'state', seal(key, 'state', plain)))).toEqual(plain)
    expect(unseal(key, 'state', seal(key, 'state', new Uint8Array(0)))).toHaveLength(0)
  })

  test('is never the same twice', () => {
    expect(seal(key, 'state', plain)).not.toEqual(seal(key, 'state', plain))
  })

  test('does not open under another key or for another purpose', () => {
    const sealed = seal(key, 'state', plain)
    expect(() => unseal(randomBytes(32), 'state', sealed)).toThrow()
    expect(() => unseal(key, 'other state', sealed)).toThrow()
  })

  test('does not open with any byte changed, at any shorter length, or with a byte more', () => {
    const sealed = seal(key, 'state', plain)
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed)
      changed[at]! ^= 1
      expect(() => unseal(key, 'state', changed), `byte ${at}`).toThrow()
      expect(() => unseal(key, 'state', sealed.subarray(0, at)), `length ${at}`).toThrow()
    }
    expect(() => unseal(key, 'state', Buffer.concat([sealed, Buffer.alloc(1)]))).toThrow()
  })
})
