import { describe, expect, it } from 'vitest'
import { defined, Refusal } from '../../../messages/index.ts'
import { ManualClock } from '../../../runtime/index.ts'
import { start } from '../../../actors/authentication/index.ts'
import { parseRecord, users } from '../../../actors/authentication/user_records.ts'
import type { MemoryStorage } from './local_service.ts'
import { localClient, localHost, memoryStorage } from './local_service.ts'
import { CHEAP, codeOf } from './platform.ts'

function startMember(memory: MemoryStorage, saveAdminPassword?: (password: string) => Promise<void>) {
  const parts = { clock: new ManualClock(), actors: [memory.actor], settings: CHEAP }
  return start(localHost({ ...parts, ...defined({ saveAdminPassword }) }))
}

describe('the first start', () => {
  it('makes one admin with a random password, and keeps only its hash', async () => {
    const memory = memoryStorage()
    const saved: string[] = []
    const { actor } = await startMember(memory, async (password) => void saved.push(password))
    expect(saved).toHaveLength(1)
    expect(saved[0]!.length).toBeGreaterThanOrEqual(22)
    expect(await codeOf(localClient(actor).user_login({ id: 'admin', password: saved[0]! }))).toBe('ok')
    expect([...memory.entries.keys()].sort()).toEqual(['admins', 'session_key/current', 'user/admin'])
    for (const { value } of memory.entries.values()) expect(Buffer.from(value).includes(saved[0]!)).toBe(false)
  })

  it('saves the password before the user exists', async () => {
    const memory = memoryStorage()
    let existed: boolean | undefined
    await startMember(memory, async () => {
      existed = memory.entries.has('user/admin')
    })
    expect(existed).toBe(false)
  })

  it('makes no user when the password cannot be saved, and saves the same one the next time', async () => {
    const memory = memoryStorage()
    const tried: string[] = []
    await expect(
      startMember(memory, async (password) => {
        tried.push(password)
        throw new Error('the disk is full')
      }),
    ).rejects.toThrow('the disk is full')
    expect(memory.entries.has('user/admin')).toBe(false)
    const { actor } = await startMember(memory, async (password) => void tried.push(password))
    expect(tried[1]).toBe(tried[0])
    expect(await codeOf(localClient(actor).user_login({ id: 'admin', password: tried[0]! }))).toBe('ok')
  })

  it('is refused where there is nowhere to save the password', async () => {
    const memory = memoryStorage()
    await expect(startMember(memory)).rejects.toMatchObject({ code: 'unsupported' })
    expect(memory.entries.has('user/admin')).toBe(false)
  })

  it('makes one admin, with one password, when members start at the same moment', async () => {
    const memory = memoryStorage()
    const saved: string[] = []
    const save = async (password: string) => void saved.push(password)
    const members = await Promise.all([startMember(memory, save), startMember(memory, save), startMember(memory, save)])
    expect(new Set(saved).size).toBe(1)
    for (const { actor } of members) {
      expect(await codeOf(localClient(actor).user_login({ id: 'admin', password: saved[0]! }))).toBe('ok')
    }
    expect([...memory.entries.keys()].filter((key) => key.startsWith('user/'))).toEqual(['user/admin'])
  })

  it('recognises its own work when the answer to a commit is lost', async () => {
    const memory = memoryStorage()
    const { commit } = memory.actor.handlers
    // Every commit is applied, and then answered as a retry of it would be.
    memory.actor.handlers.commit = async (request, context) => {
      await commit(request, context)
      throw new Refusal('conflict', 'the answer was lost and the retry met its own work')
    }
    const saved: string[] = []
    const { actor } = await startMember(memory, async (password) => void saved.push(password))
    expect(saved).toHaveLength(1)
    expect(await codeOf(localClient(actor).user_login({ id: 'admin', password: saved[0]! }))).toBe('ok')
  })
})

describe('a later start', () => {
  it('makes no admin and needs no place for a password', async () => {
    const memory = memoryStorage()
    await startMember(memory, async () => undefined)
    const before = memory.entries.get('user/admin')!.revision
    await startMember(memory)
    await startMember(memory, () => Promise.reject(new Error('nothing is to be saved')))
    expect(memory.entries.get('user/admin')!.revision).toBe(before)
    expect(parseRecord(users, memory.entries.get('user/admin')!.value).role).toBe('PlatformAdmin')
  })

  it('refuses settings that make no sense', async () => {
    const host = localHost({ clock: new ManualClock(), actors: [memoryStorage().actor], settings: { scrypt_n: 1000 } })
    await expect(start(host)).rejects.toMatchObject({ code: 'invalid_request', field: 'scrypt_n' })
  })
})
