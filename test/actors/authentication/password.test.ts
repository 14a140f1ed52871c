import { describe, expect, it } from 'vitest'
import { passwordHash } from '../../../actors/authentication/user_records.ts'
import { PasswordHasher, randomPassword, scryptDerive } from '../../../actors/authentication/password.ts'
import { codeOf } from './platform.ts'

const CHEAP = { N: 1024, r: 8, p: 1 }

/** A derivation that ends when it is told to. */
function heldDerivation() {
  const held: (() => void)[] = []
  const derive = () => new Promise<Uint8Array>((resolve) => held.push(() => resolve(new Uint8Array(32))))
  return { held, derive }
}

describe('the password hasher', () => {
  it('knows the password it hashed, and no other', async () => {
    const hasher = new PasswordHasher(CHEAP)
    const stored = await hasher.hash('correct horse')
    expect(passwordHash.parse(stored)).toEqual(stored)
    expect(await hasher.matches('correct horse', stored)).toBe(true)
    expect(await hasher.matches('correct horsf', stored)).toBe(false)
    expect(await hasher.matches('correct horse', undefined)).toBe(false)
  })

  it('compares under the parameters that are stored, and knows them from outdated ones', async () => {
    const stored = await new PasswordHasher(CHEAP).hash('correct horse')
    const raised = new PasswordHasher({ ...CHEAP, N: 2048 })
    expect(await raised.matches('correct horse', stored)).toBe(true)
    expect(raised.isOutdated(stored)).toBe(true)
    expect(new PasswordHasher(CHEAP).isOutdated(stored)).toBe(false)
  })

  it('computes at the default cost within the memory that Node allows', async () => {
    const hasher = new PasswordHasher({ N: 2 ** 15, r: 8, p: 1 }, scryptDerive)
    expect(await hasher.matches('correct horse', await hasher.hash('correct horse'))).toBe(true)
  })

  it('runs two at once, lets 64 wait, and refuses more', async () => {
    const { held, derive } = heldDerivation()
    const hasher = new PasswordHasher(CHEAP, derive)
    const accepted = Array.from({ length: 66 }, () => hasher.hash('correct horse'))
    expect(held).toHaveLength(2)
    expect(await codeOf(hasher.hash('correct horse'))).toBe('overloaded')
    for (let done = 0; done < 66; done += 1) {
      held[done]!()
      await accepted[done]
      expect(held.length - done - 1).toBeLessThanOrEqual(2)
    }
    expect(held).toHaveLength(66)
  })

  it('does not hash for a request that is over when its turn comes', async () => {
    const { held, derive } = heldDerivation()
    const hasher = new PasswordHasher(CHEAP, derive)
    const running = [hasher.hash('one'), hasher.hash('two')]
    const over = new AbortController()
    const waiting = codeOf(hasher.hash('three', over.signal))
    over.abort()
    held[0]!()
    expect(await waiting).toBe('deadline_exceeded')
    held[1]!()
    await Promise.all(running)
    expect(held).toHaveLength(2)
  })

  it('gives its place back when a derivation fails', async () => {
    const hasher = new PasswordHasher(CHEAP, () => Promise.reject(new Error('no memory')))
    for (let i = 0; i < 5; i += 1) await expect(hasher.hash('correct horse')).rejects.toThrow('no memory')
  })

  it('makes random passwords of 144 bits', () => {
    const made = new Set(Array.from({ length: 100 }, randomPassword))
    expect(made.size).toBe(100)
    for (const password of made) expect(password).toMatch(/^[A-Za-z0-9_-]{24}$/)
  })
})
