/**
 * One HTTP request and its answer, within bounds: the address is looked up once and judged, and the connection goes to
 * that very address, so that a name which resolves differently the second time gains nothing. No cookies, no kept
 * connections, no compression, no proxy; the caller judges redirects.
 */
import type { LookupAddress } from 'node:dns'
import { lookup as lookUpBySystem } from 'node:dns/promises'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import { defined, mapDefined, Refusal } from '../../messages/index.ts'
import type { AddressRule } from './address_rule.ts'
import type { Clock } from '../clock.ts'
import type { FileContent, TakePart } from './file_store.ts'

/** The longest silence, from the connection to the last byte. */
const SILENCE_MS = 30_000
const EXCHANGE_MS_MAX = 600_000
const HEADER_BYTES_MAX = 16 * 1024

export interface Exchange {
  method: 'GET' | 'HEAD' | 'PUT'
  url: URL
  headers?: Record<string, string>
  body?: FileContent
  /** How many bytes of the answer's body are taken; a longer one is refused `too_large`. */
  bytesMax: number
  /** Takes the body of a success; absent where nobody wants it. */
  take?: TakePart
  signal: AbortSignal
}

export interface Answer {
  status: number
  location: string | undefined
}

export interface ExchangeTools {
  addresses: AddressRule
  clock: Clock
  /** Certificates of authorities, PEM, that are trusted instead of the usual ones. */
  ca?: string
  /** How names are looked up; by the system unless told. */
  lookUp?: NameLookup
}

export type NameLookup = (name: string) => Promise<LookupAddress[]>

/** @throws Refusal `forbidden` for an address that is not allowed, `too_large`, `unavailable`, `canceled` */
export function exchange(wanted: Exchange, { addresses, clock, ca, lookUp }: ExchangeTools): Promise<Answer> {
  const { method, url, headers = {}, body, bytesMax, take, signal } = wanted
  return new Promise((resolve, reject) => {
    // The name of a literal address is never looked up, so it is judged here.
    const literal = url.hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0 && !addresses.allows(literal)) throw addressRefused()
    if (signal.aborted) throw givenUp()
    const options: RequestOptions = {
      method,
      agent: false,
      lookup: judgedLookup(addresses, lookUp),
      maxHeaderSize: HEADER_BYTES_MAX,
      headers: {
        'accept-encoding': 'identity',
        ...headers,
        ...defined({ 'content-length': mapDefined(body, ({ bytes }) => String(bytes)) }),
      },
    }
    const request =
      url.protocol === 'https:' ? requestTls(url, { ...options, ...defined({ ca }) }) : requestPlain(url, options)
    const finish = (effect: () => void) => {
      cancelSilence()
      cancelTotal()
      signal.removeEventListener('abort', onAbort)
      // Whatever still happens on this connection concerns nobody any more.
      request.on('error', () => {})
      request.destroy()
      effect()
    }
    const fail = (error: unknown) => finish(() => reject(error))
    const onAbort = () => fail(givenUp())
    const onSilence = () => fail(trouble('the web server of a file fell silent'))
    let cancelSilence = clock.after(SILENCE_MS, onSilence)
    const heard = () => {
      cancelSilence()
      cancelSilence = clock.after(SILENCE_MS, onSilence)
    }
    const cancelTotal = clock.after(EXCHANGE_MS_MAX, () => fail(trouble('the transfer of a file took too long')))
    signal.addEventListener('abort', onAbort)
    request.on('error', (error) => fail(refuseConnection(error)))
    request.on('response', (response) => {
      heard()
      handOver(response, take, bytesMax, heard).then(() => {
        finish(() => resolve({ status: response.statusCode ?? 0, location: response.headers.location }))
      }, fail)
    })
    if (body === undefined) request.end()
    else send(request, body, heard).catch(fail)
  })
}

/**
 * Sends part by part, each when the last has left, so that little is held and a slow transfer is not taken for silence.
 */
async function send(request: ClientRequest, body: FileContent, heard: () => void): Promise<void> {
  for await (const part of body.open()) {
    // A connection that ended has failed the exchange already; the rest need not be written.
    if (request.destroyed) return
    await new Promise<void>((resolve) => request.write(part, () => resolve()))
    heard()
  }
  request.end()
}

async function handOver(
  response: IncomingMessage,
  take: TakePart | undefined,
  bytesMax: number,
  heard: () => void,
): Promise<void> {
  const encoding = response.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new Refusal('malformed', 'the web server sent a file in another encoding than asked for')
  // The body of anything but a success is a page for people; nothing of it is kept.
  if (take === undefined || response.statusCode !== 200) return
  if (Number(response.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
  let size = 0
  try {
    for await (const part of response as AsyncIterable<Uint8Array>) {
      heard()
      size += part.length
      if (size > bytesMax) throw tooLarge(bytesMax)
      await take(part)
    }
    if (!response.complete) throw trouble('a file broke off while it was read')
  } catch (error) {
    throw error instanceof Refusal ? error : trouble('a file broke off while it was read', error)
  }
}

/** Every address of the name must be allowed: a name that also leads to an inner address does so on purpose. */
function judgedLookup(rule: AddressRule, lookUp: NameLookup = lookUpAll): LookupFunction {
  return (name, options, callback) => {
    lookUp(name).then(
      (found) => {
        const [first] = found
        if (first === undefined || !found.every(({ address }) => rule.allows(address))) {
          callback(addressRefused(), '', 0)
        } else if (options.all === true) callback(null, found)
        else callback(null, first.address, first.family)
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error('the lookup failed'), '', 0),
    )
  }
}

function lookUpAll(name: string): Promise<LookupAddress[]> {
  return lookUpBySystem(name, { all: true })
}

function addressRefused(): Refusal {
  return new Refusal('forbidden', 'the url of a file leads to an address that this deployment does not allow', {
    hint: 'use a place on the public internet, or ask the operator to allow the network',
  })
}

/**
 * Trouble that another attempt may not meet is `unavailable`, so the task goes back to the queue; the rest is the url's
 * fault.
 */
function refuseConnection(error: Error): Refusal {
  if (error instanceof Refusal) return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ENOTFOUND')
    return new Refusal('not_found', 'there is no web server of the name in the url', { cause: error })
  if (/CERT|^ERR_TLS|^UNABLE_TO/.test(code)) {
    return new Refusal('forbidden', 'the web server of a file did not prove that it is the one of the url', {
      hint: 'it needs a certificate of an authority that this deployment trusts',
      cause: error,
    })
  }
  return trouble('a file could not be reached', error)
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('too_large', `a file has more than the ${bytesMax} bytes that are allowed`)
}

function trouble(text: string, cause?: unknown): Refusal {
  return new Refusal('unavailable', text, { hint: 'try again', cause })
}

function givenUp(): Refusal {
  return new Refusal('canceled', 'the transfer of a file was given up')
}
