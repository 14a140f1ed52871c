import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import type { Person, Position } from '../../../actors/authentication/rights.ts'
import {
  checkDelete,
  checkManages,
  checkNotLastAdmin,
  checkPosition,
  checkRegister,
  checkResetPassword,
  checkUpdate,
  updatedPosition,
  visibleAttribute,
} from '../../../actors/authentication/rights.ts'

const admin: Person = { id: 'root', role: 'PlatformAdmin', attribute: null }
const manager: Person = { id: 'boss', role: 'DataOwnerManager', attribute: 'clinic' }
const owner: Person = { id: 'ann', role: 'DataOwner', attribute: 'clinic' }
const functionOwner: Person = { id: 'fred', role: 'FunctionOwner', attribute: null }

const POSITIONS: Position[] = [
  { role: 'PlatformAdmin', attribute: null },
  { role: 'FunctionOwner', attribute: null },
  { role: 'DataOwnerManager', attribute: 'clinic' },
  { role: 'DataOwnerManager', attribute: 'bank' },
  { role: 'DataOwner', attribute: 'clinic' },
  { role: 'DataOwner', attribute: 'bank' },
]
const ownDataOwner = POSITIONS[4]!

function allows(check: () => void): boolean {
  try {
    check()
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    expect((error as Refusal).code).toBe('forbidden')
    return false
  }
}

describe('who may do what to whom', () => {
  it('lets an admin register, update, reset and delete anyone', () => {
    for (const position of POSITIONS) {
      expect(allows(() => checkRegister(admin, position))).toBe(true)
      expect(allows(() => checkResetPassword(admin, position))).toBe(true)
      expect(allows(() => checkDelete(admin, position))).toBe(true)
      for (const after of POSITIONS) expect(allows(() => checkUpdate(admin, position, after))).toBe(true)
    }
  })

  it('lets a manager register, reset and delete data owners of its own organisation, and nobody else', () => {
    for (const position of POSITIONS) {
      const own = position === ownDataOwner
      expect(allows(() => checkRegister(manager, position))).toBe(own)
      expect(allows(() => checkResetPassword(manager, position))).toBe(own)
      expect(allows(() => checkDelete(manager, position))).toBe(own)
    }
  })

  it('lets a manager update a user only from an own data owner to an own data owner', () => {
    for (const before of POSITIONS) {
      for (const after of POSITIONS) {
        expect(allows(() => checkUpdate(manager, before, after))).toBe(
          before === ownDataOwner && after === ownDataOwner,
        )
      }
    }
  })

  it('lets function owners and data owners do nothing to anyone', () => {
    for (const caller of [owner, functionOwner]) {
      expect(allows(() => checkManages(caller))).toBe(false)
      expect(allows(() => visibleAttribute(caller, undefined))).toBe(false)
      for (const position of POSITIONS) {
        expect(allows(() => checkRegister(caller, position))).toBe(false)
        expect(allows(() => checkUpdate(caller, position, position))).toBe(false)
        expect(allows(() => checkResetPassword(caller, position))).toBe(false)
        expect(allows(() => checkDelete(caller, position))).toBe(false)
      }
    }
  })

  it('tells a manager the same of an unknown user and of one of another organisation', () => {
    expect(() => checkDelete(manager, undefined)).toThrow('a DataOwnerManager of clinic may not delete this user')
    expect(() => checkDelete(manager, POSITIONS[5])).toThrow('a DataOwnerManager of clinic may not delete this user')
  })

  it('gives a manager without an organisation no rights over data owners without one', () => {
    const stray: Person = { ...manager, attribute: null }
    expect(allows(() => checkRegister(stray, { role: 'DataOwner', attribute: null }))).toBe(false)
    expect(allows(() => visibleAttribute(stray, undefined))).toBe(false)
  })

  it('shows an admin all users and a manager its own organisation', () => {
    expect(visibleAttribute(admin, undefined)).toBeUndefined()
    expect(visibleAttribute(admin, 'bank')).toBe('bank')
    expect(visibleAttribute(manager, undefined)).toBe('clinic')
    expect(visibleAttribute(manager, 'clinic')).toBe('clinic')
    expect(allows(() => visibleAttribute(manager, 'bank'))).toBe(false)
  })

  it('refuses to let the last admin go', () => {
    expect(allows(() => checkNotLastAdmin('root', ['root']))).toBe(false)
    expect(allows(() => checkNotLastAdmin('root', ['root', 'second']))).toBe(true)
  })
})

describe('a position', () => {
  it('has an organisation for the data owner roles and for no other', () => {
    expect(() => checkPosition({ role: 'DataOwner', attribute: 'clinic' })).not.toThrow()
    expect(() => checkPosition({ role: 'FunctionOwner', attribute: null })).not.toThrow()
    expect(() => checkPosition({ role: 'DataOwnerManager', attribute: null })).toThrow('has an attribute')
    expect(() => checkPosition({ role: 'PlatformAdmin', attribute: 'clinic' })).toThrow('has no attribute')
  })

  it('keeps what an update does not name, and drops the organisation of a role without one', () => {
    expect(updatedPosition(owner, {})).toEqual({ role: 'DataOwner', attribute: 'clinic' })
    expect(updatedPosition(owner, { attribute: 'bank' })).toEqual({ role: 'DataOwner', attribute: 'bank' })
    expect(updatedPosition(owner, { role: 'FunctionOwner' })).toEqual({ role: 'FunctionOwner', attribute: null })
  })
})
