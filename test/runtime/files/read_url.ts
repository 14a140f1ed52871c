/** A file at a url in one piece, as tests compare it. */
import type { UrlFiles } from '../../../runtime/index.ts'

export async function readUrl(files: UrlFiles, url: string, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = []
  await files.fetch(url, bytesMax, (part) => void parts.push(Uint8Array.from(part)), signal)
  return Buffer.concat(parts)
}
