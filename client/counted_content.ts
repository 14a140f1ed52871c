/** How far the work on a file has come, told while it is read. */
import type { FileContent } from '../runtime/index.ts'

/** Called again and again with how many bytes have been worked on and how many there are, last with all of them. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void

/** @param readings how often the work reads the file; each is told as its part of the whole */
export function countContent(content: FileContent, onBytes: OnBytes = () => {}, readings = 1): FileContent {
  const { bytes } = content
  let before = 0
  return {
    bytes,
    async *open() {
      let here = 0
      const tell = () => onBytes(Math.min(bytes, Math.floor((before + here) / readings)), bytes)
      for await (const part of content.open()) {
        yield part
        // Asked for the next part: this one was used.
        here += part.length
        tell()
      }
      if (bytes === 0) tell()
      before += here
    },
  }
}
