/** Numbers that stand behind a flag: whole, and within bounds, or the command says so before it does anything. */
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
