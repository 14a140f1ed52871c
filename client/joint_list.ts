/**
 * A party's side of a private intersection. Its items are salted and hashed before they leave its machine; the lines of
 * 0 and 1 that come back say which of its items the other party has too. Both parties must use the same salt.
 */
import { hash } from 'node:crypto'
import { Refusal } from '../messages/index.ts'

const JOINT_ITEMS_MAX = 1_000_000

/** A party's list, hashed for the intersection. */
export interface HashedList {
  /** Sorted lines of 64 hex digits, one for each distinct item; these are encrypted and sent. */
  bytes: Buffer
  /** The party's items in the order of those lines. */
  items: string[]
}

/**
 * Reads one item from each line, in any order. Duplicates and CRLF are allowed, empty lines are skipped.
 * @throws Refusal `too_large` above 1,000,000 lines
 */
export function parseItems(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.length > JOINT_ITEMS_MAX + 1) {
    throw new Refusal('too_large', `the list has more than ${JOINT_ITEMS_MAX} lines`, { hint: 'split it into parts' })
  }
  return lines.filter((line) => line !== '')
}

/** Salts, hashes and sorts the items; duplicates count once. */
export function hashItems(items: readonly string[], salt: string): HashedList {
  const byHash = new Map(items.map((item) => [hash('sha256', `${salt}\0${item}`, 'hex'), item]))
  const hashes = [...byHash.keys()].sort()
  return {
    bytes: Buffer.from(hashes.length === 0 ? '' : `${hashes.join('\n')}\n`),
    items: hashes.map((digest) => byHash.get(digest)!),
  }
}

/** The items whose line in the result is 1. @param items as `hashItems` returned them */
export function readShared(result: Uint8Array, items: readonly string[]): string[] {
  const lines = Buffer.from(result).toString('latin1').split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines.length !== items.length || lines.some((line) => line !== '0' && line !== '1')) {
    throw new Refusal('malformed', `the result has ${lines.length} lines for ${items.length} items`, {
      hint: 'read it with the same list that was hashed and sent',
    })
  }
  return items.filter((_, index) => lines[index] === '1')
}
