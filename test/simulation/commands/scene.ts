/** What a command is made from: who is there, what is known so far, and the numbers of the intent. */
import type { Role } from '../../../messages/index.ts'
import type { StoredFile } from '../model/data.ts'
import type { User, World } from '../model/world.ts'
import type { Intent } from './intent.ts'

/**
 * Who is there from the start: an admin, owners of functions, and two organisations with a manager and two data owners
 * each.
 */
export const CREW: readonly [name: string, role: Role, attribute?: string][] = [
  ['root', 'PlatformAdmin'],
  ['olga', 'FunctionOwner'],
  ['frank', 'FunctionOwner'],
  ['mia', 'DataOwnerManager', 'acme'],
  ['alice', 'DataOwner', 'acme'],
  ['adam', 'DataOwner', 'acme'],
  ['rita', 'DataOwnerManager', 'rival'],
  ['bob', 'DataOwner', 'rival'],
  ['ben', 'DataOwner', 'rival'],
]

export interface Scene {
  /** The world as far as replies have told. */
  guess: World
  /** Before every name of this history, so that histories on one platform do not meet. */
  prefix: string
  intent: Intent
  odd: boolean
  files: readonly StoredFile[]
  /** A place where nothing lies. */
  freshUrl(): string
  /** False when a password of this user is being changed already: which one counts could not be told by looking. */
  mayChangePassword(userId: string): boolean
  /** False when this id was guessed at so often that it would be locked soon. */
  mayGuess(userId: string): boolean
}

/** A command, and the name in which it is sent. */
export interface Wish {
  by?: string
  method: string
  request: Record<string, unknown>
  stolen?: boolean
}

export type Resolve = (scene: Scene) => Wish | undefined

export function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % Math.max(1, list.length)]
}

/** One of the crew, by name; with its id. */
export const crewId = ({ prefix }: Scene, name: string) => `${prefix}${name}`
export const organisation = ({ prefix }: Scene, name: string) => `${prefix}${name}`

export function crewOf(scene: Scene, ...roles: readonly Role[]): User[] {
  return CREW.flatMap(([name, role]) => {
    const user = scene.guess.users.get(crewId(scene, name))
    return user !== undefined && roles.includes(role) ? [user] : []
  })
}

/** Somebody of these roles, or anybody at all where the intent is odd. */
export function actor(scene: Scene, number: number, ...roles: readonly Role[]): string {
  const all: readonly Role[] = ['PlatformAdmin', 'FunctionOwner', 'DataOwnerManager', 'DataOwner']
  return pick(crewOf(scene, ...(scene.odd ? all : roles)), number)?.id ?? crewId(scene, 'root')
}
