/** Numbers that follow a flag. Each must be whole and within bounds; if not, the command says so before it starts. */
import { InvalidArgumentError } from 'commander'

export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isInteger(value) && value >= from && value <= to) return value
    throw new InvalidArgumentError(`a number from ${from} to ${to} is needed`)
  }
}

export const portNumber = wholeNumber(1, 65_535)
export const slotCount = wholeNumber(1, 256)
export const byteCount = wholeNumber(1024 ** 2, 1024 ** 5)

/** Reads `<service>=<n>`, and adds it to what earlier flags gave. */
export function memberCount(text: string, before: Record<string, number>): Record<string, number> {
  const [, service, count] = /^([a-z][a-z0-9_]*)=(\d+)$/.exec(text) ?? []
  if (service === undefined || count === undefined) {
    throw new InvalidArgumentError('a service and a number are needed, as in counter=2')
  }
  return { ...before, [service]: wholeNumber(1, 256)(count) }
}
