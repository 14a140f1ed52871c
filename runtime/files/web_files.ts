/**
 * Files on web servers: read by GET, written by PUT with any 2xx as success. http only where the deployment allows it;
 * redirects are few, obey the same rules, and never lead from https to http. A file that is there is not overwritten:
 * the server is asked first, and the PUT says that the place must be free. Nothing can be done about a server that
 * heeds neither.
 */
import { Refusal } from '../../messages/index.ts'
import type { FileContent, TakePart, UrlFiles } from './file_store.ts'
import { contentOf } from './file_store.ts'
import type { Answer, Exchange, ExchangeTools } from './web_exchange.ts'
import { exchange } from './web_exchange.ts'

const REDIRECTS_MAX = 5
/** These redirects are followed with the same method and body; the others only when a file is read. */
const SAME_METHOD: ReadonlySet<number> = new Set([307, 308])
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, ...SAME_METHOD])
const ABSENT: ReadonlySet<number> = new Set([404, 410])
const PASSING: ReadonlySet<number> = new Set([408, 425, 429])

export interface WebPolicy extends ExchangeTools {
  /** Whether unencrypted http is allowed. The files themselves are encrypted, but not who asks for which of them. */
  http: boolean
}

export class WebFiles implements UrlFiles {
  readonly #policy: WebPolicy

  constructor(policy: WebPolicy) {
    this.#policy = policy
  }

  async fetch(url: string, bytesMax: number, take: TakePart, signal: AbortSignal): Promise<void> {
    const { status } = await this.#ask({ method: 'GET', url: parseWebUrl(url), bytesMax, take, signal })
    if (status === 200) return
    throw ABSENT.has(status) ? new Refusal('not_found', 'there is no file at the url') : refuseStatus(status)
  }

  async exists(url: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#ask({ method: 'HEAD', url: parseWebUrl(url), bytesMax: 0, signal })
    if (isSuccess(status)) return true
    if (ABSENT.has(status)) return false
    throw refuseStatus(status)
  }

  async write(url: string, content: Uint8Array | FileContent, onlyIfSeen: boolean, signal: AbortSignal): Promise<void> {
    const isTaken = await this.exists(url, signal).catch((error: unknown) => {
      if (!onlyIfSeen && error instanceof Refusal && error.code === 'forbidden' && error.field === STATUS_FIELD)
        return false
      throw error
    })
    if (isTaken) throw alreadyExists()
    const headers = { 'if-none-match': '*', 'content-type': 'application/octet-stream' }
    const wanted: Exchange = {
      method: 'PUT',
      url: parseWebUrl(url),
      headers,
      body: contentOf(content),
      bytesMax: 0,
      signal,
    }
    const { status } = await this.#ask(wanted)
    if (isSuccess(status)) return
    throw status === 412 || status === 409 ? alreadyExists() : refuseStatus(status)
  }

  async #ask(first: Exchange): Promise<Answer> {
    let url = first.url
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      this.#check(url, first.url)
      const answer = await exchange({ ...first, url }, this.#policy)
      const isFollowed = first.method === 'PUT' ? SAME_METHOD.has(answer.status) : REDIRECTS.has(answer.status)
      if (!isFollowed || answer.location === undefined) return answer
      url = parseWebUrl(answer.location, url)
    }
    throw new Refusal('forbidden', `the url of a file was redirected more than ${REDIRECTS_MAX} times`)
  }

  #check(url: URL, first: URL): void {
    const isPlain = url.protocol === 'http:'
    if (isPlain && (!this.#policy.http || first.protocol === 'https:')) {
      throw new Refusal('forbidden', 'a file would travel over http, which is not allowed here', {
        hint: 'use https, or ask the operator to allow http',
      })
    }
  }
}

/** Marks a refusal that comes from the status of the server's answer. */
const STATUS_FIELD = 'url'

function parseWebUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw invalid('is not well formed')
  const url = new URL(text, base)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid('leads to something that is no web server')
  if (url.username !== '' || url.password !== '') throw invalid('carries a name or password')
  return url
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function refuseStatus(status: number): Refusal {
  if (status >= 500 || PASSING.has(status)) {
    return new Refusal('unavailable', `the web server of a file answered ${status}`, { hint: 'try again later' })
  }
  return new Refusal('forbidden', `the web server of a file answered ${status}`, {
    hint: 'register a url that can be read for inputs, and written and looked at for outputs',
    field: STATUS_FIELD,
  })
}

function invalid(why: string): Refusal {
  return new Refusal('invalid_request', `the url of a file ${why}`, {
    hint: 'register the file again with a right url',
  })
}

function alreadyExists(): Refusal {
  return new Refusal('already_exists', 'there is a file at the url', {
    hint: 'a file is never overwritten: choose another name',
  })
}
