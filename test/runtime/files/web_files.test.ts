/** Files on the web, on real servers of this machine, which the rules forbid unless told. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AddressRule } from '../../../runtime/files/address_rule.ts'
import { ManualClock, systemClock } from '../../../runtime/clock.ts'
import type { WebPolicy } from '../../../runtime/files/web_files.ts'
import { WebFiles } from '../../../runtime/files/web_files.ts'
import { createCertificate } from '../../support/certificate.ts'
import { refusalOf } from '../../support/fake_host.ts'
import { readUrl } from './read_url.ts'

type Handle = (request: IncomingMessage, response: ServerResponse) => void
const never = new AbortController().signal
const MANY = 1_000_000

function filesWith(policy: Partial<WebPolicy> = {}): WebFiles {
  return new WebFiles({ http: true, addresses: new AddressRule(['127.0.0.0/8', '::1']), clock: systemClock, ...policy })
}

/** Serves on a free port of this machine until the test ends. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function serve(handle: Handle): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(handle))}`
}

/** A server that keeps files by their paths, and heeds `If-None-Match`. */
function keepFiles(files: Map<string, Buffer>, created = 201): Handle {
  return (request, response) => {
    const path = request.url ?? ''
    const file = files.get(path)
    if (request.method !== 'PUT') {
      response.writeHead(file === undefined ? 404 : 200).end(request.method === 'GET' ? file : undefined)
      return
    }
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const isTaken = file !== undefined && request.headers['if-none-match'] === '*'
      if (!isTaken) files.set(path, Buffer.concat(parts))
      response.writeHead(isTaken ? 412 : created).end()
    })
  }
}

const codeOf = async (promise: Promise<unknown>) => (await refusalOf(promise)).code

describe('a file', () => {
  test.each([0, 1, 3_000_000])('of %i bytes is written and read back', async (size) => {
    const kept = new Map<string, Buffer>()
    const url = `${await serve(keepFiles(kept))}/in%20here?signature=abc`
    const bytes = randomBytes(size)
    const files = filesWith()
    expect(await files.exists(url, never)).toBe(false)
    await files.write(url, bytes, true, never)
    expect(await files.exists(url, never)).toBe(true)
    expect([...kept.keys()]).toEqual(['/in%20here?signature=abc'])
    expect(Buffer.from(await readUrl(files, url, size, never)).equals(bytes)).toBe(true)
  })

  test.each([200, 201, 202, 204])('is written when the server answers %i', async (status) => {
    const url = `${await serve(keepFiles(new Map(), status))}/x`
    await filesWith().write(url, Buffer.from('x'), true, never)
  })

  test('that is there is not overwritten, also when it comes between the look and the writing', async () => {
    const kept = new Map([['/x', Buffer.from('first')]])
    const url = await serve(keepFiles(kept))
    expect(await codeOf(filesWith().write(`${url}/x`, Buffer.from('second'), true, never))).toBe('already_exists')
    const late = await serve((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end()
      else keepFiles(kept)(request, response)
    })
    expect(await codeOf(filesWith().write(`${late}/x`, Buffer.from('second'), true, never))).toBe('already_exists')
    expect(kept.get('/x')?.toString()).toBe('first')
  })

  test('goes to a place that cannot be looked at only where that is harmless', async () => {
    const kept = new Map<string, Buffer>()
    const url = await serve((request, response) => {
      if (request.method === 'PUT') keepFiles(kept)(request, response)
      else response.writeHead(403).end()
    })
    expect(await codeOf(filesWith().write(`${url}/x`, Buffer.from('x'), true, never))).toBe('forbidden')
    expect(kept.size).toBe(0)
    await filesWith().write(`${url}/x`, Buffer.from('x'), false, never)
    expect(kept.size).toBe(1)
  })

  test('that is larger than allowed is refused, whether the server says so or not', async () => {
    const said = await serve((_request, response) => response.end(Buffer.alloc(1001)))
    const unsaid = await serve((_request, response) => {
      for (let part = 0; part < 11; part++) response.write(Buffer.alloc(100))
      response.end()
    })
    for (const url of [said, unsaid]) expect(await codeOf(readUrl(filesWith(), url, 1000, never))).toBe('too_large')
    const endless = await serve((_request, response) => {
      const more = () => void (response.writable && response.write(Buffer.alloc(65_536), more))
      more()
    })
    expect(await codeOf(readUrl(filesWith(), endless, MANY, never))).toBe('too_large')
  })

  test('that breaks off is asked for again later, and one in another encoding is refused', async () => {
    const broken = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('x', () => response.destroy())
    })
    expect(await codeOf(readUrl(filesWith(), broken, MANY, never))).toBe('unavailable')
    const packed = await serve((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'))
    expect(await codeOf(readUrl(filesWith(), packed, MANY, never))).toBe('malformed')
  })
})

test.each([
  [404, 'not_found'],
  [410, 'not_found'],
  [401, 'forbidden'],
  [403, 'forbidden'],
  [206, 'forbidden'],
  [304, 'forbidden'],
  [408, 'unavailable'],
  [429, 'unavailable'],
  [500, 'unavailable'],
  [503, 'unavailable'],
])('a server that answers %i: %s', async (status, code) => {
  const url = await serve((_request, response) => response.writeHead(status).end())
  expect(await codeOf(readUrl(filesWith(), url, MANY, never))).toBe(code)
})

describe('addresses', () => {
  test('of this machine and its neighbours are refused unless the deployment names them', async () => {
    let asked = 0
    const { port } = new URL(await serve((_request, response) => response.end(String(asked++))))
    const strict = filesWith({ addresses: new AddressRule([]) })
    for (const host of [
      '127.0.0.1',
      'localhost',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0.0.0.0',
      '[::1]',
      '[::ffff:127.0.0.1]',
    ]) {
      expect([host, await codeOf(readUrl(strict, `http://${host}:${port}/`, MANY, never))]).toEqual([host, 'forbidden'])
      expect(await codeOf(strict.write(`http://${host}:${port}/`, Buffer.from('x'), false, never))).toBe('forbidden')
    }
    expect(asked).toBe(0)
  })

  test('are looked up once, and the connection goes to the one that was judged', async () => {
    const { port } = new URL(await serve((_request, response) => response.end('here')))
    const answers = ['127.0.0.1', '10.0.0.1']
    let lookups = 0
    const files = filesWith({
      addresses: new AddressRule(['127.0.0.1']),
      lookUp: (name) => {
        expect(name).toBe('rebinding.example')
        return Promise.resolve([{ address: answers[lookups++]!, family: 4 }])
      },
    })
    const url = `http://rebinding.example:${port}/`
    expect(Buffer.from(await readUrl(files, url, MANY, never)).toString()).toBe('here')
    expect(lookups).toBe(1)
    // The next request looks again, and what it finds now is judged again.
    expect(await codeOf(readUrl(files, url, MANY, never))).toBe('forbidden')
  })

  test('are refused together when one of a name is not allowed, or there is none', async () => {
    const files = (found: string[]) =>
      filesWith({
        addresses: new AddressRule(['127.0.0.1']),
        lookUp: () => Promise.resolve(found.map((address) => ({ address, family: 4 }))),
      })
    const { port } = new URL(await serve((_request, response) => response.end('here')))
    for (const found of [['127.0.0.1', '10.0.0.1'], []]) {
      expect(await codeOf(readUrl(files(found), `http://two.example:${port}/`, MANY, never))).toBe('forbidden')
    }
  })

  test('that do not exist are the fault of the url, those that do not answer are not', async () => {
    const missing = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    const files = filesWith({ lookUp: () => Promise.reject(missing) })
    expect(await codeOf(readUrl(files, 'http://nowhere.example/', MANY, never))).toBe('not_found')
    const server = createServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await codeOf(readUrl(filesWith(), `http://127.0.0.1:${port}/`, MANY, never))).toBe('unavailable')
  })
})

describe('redirects', () => {
  const redirect = (to: string | undefined, status = 302) =>
    serve((_request, response) => response.writeHead(status, to === undefined ? {} : { location: to }).end())

  test('are followed by a reader, relative ones too', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/there') response.end('found')
      else response.writeHead(302, { location: './there' }).end()
    })
    expect(Buffer.from(await readUrl(filesWith(), `${url}/here`, MANY, never)).toString()).toBe('found')
  })

  test('obey the same rules: address, scheme, and what a url may be', async () => {
    const addresses = new AddressRule(['127.0.0.1'])
    for (const [to, code] of [
      ['http://127.0.0.2:1/', 'forbidden'],
      ['http://169.254.169.254/latest/meta-data', 'forbidden'],
      ['file:///etc/passwd', 'invalid_request'],
      ['http://user:password@127.0.0.1/', 'invalid_request'],
      ['http://[', 'invalid_request'],
    ] as const) {
      const read = readUrl(filesWith({ addresses }), await redirect(to), MANY, never)
      expect([to, await codeOf(read)]).toEqual([to, code])
    }
  })

  test('are not followed without end, nor to nowhere', async () => {
    const circle = await serve((_request, response) => response.writeHead(302, { location: '/' }).end())
    expect(await codeOf(readUrl(filesWith(), circle, MANY, never))).toBe('forbidden')
    expect(await codeOf(readUrl(filesWith(), await redirect(undefined), MANY, never))).toBe('forbidden')
  })

  test('take a file along only when they ask for the same request again', async () => {
    const kept = new Map<string, Buffer>()
    const target = await serve(keepFiles(kept))
    await filesWith().write(`${await redirect(`${target}/new`, 307)}/x`, Buffer.from('x'), true, never)
    expect([...kept.keys()]).toEqual(['/new'])
    const changed = filesWith().write(`${await redirect(`${target}/other`, 303)}/x`, Buffer.from('x'), true, never)
    expect(await codeOf(changed)).toBe('forbidden')
    expect(kept.size).toBe(1)
  })
})

describe('https', () => {
  const { key, cert } = createCertificate(['localhost'])
  const secure = async (handle: Handle) => `https://localhost:${await listen(createTlsServer({ key, cert }, handle))}`

  test('is spoken with a server that proves its name, and with no other', async () => {
    const url = await secure((_request, response) => response.end('secret'))
    const files = filesWith({ ca: cert, http: false })
    expect(Buffer.from(await readUrl(files, url, MANY, never)).toString()).toBe('secret')
    expect(await codeOf(readUrl(filesWith(), url, MANY, never))).toBe('forbidden')
    expect(await codeOf(readUrl(files, url.replace('localhost', '127.0.0.1'), MANY, never))).toBe('forbidden')
  })

  test('is demanded unless the deployment allows http, and never left by a redirect', async () => {
    const plain = await serve((_request, response) => response.end('plain'))
    expect(await codeOf(readUrl(filesWith({ http: false }), plain, MANY, never))).toBe('forbidden')
    const url = await secure((_request, response) => response.writeHead(302, { location: plain }).end())
    expect(await codeOf(readUrl(filesWith({ ca: cert }), url, MANY, never))).toBe('forbidden')
  })
})

describe('time', () => {
  test('a server that falls silent is given up', async () => {
    const clock = new ManualClock()
    let heard = () => {}
    const asked = new Promise<void>((resolve) => (heard = resolve))
    const url = await serve((_request, response) => {
      response.writeHead(200)
      response.write('x', heard)
    })
    const code = codeOf(readUrl(filesWith({ clock }), url, MANY, never))
    await asked
    clock.advance(31_000)
    expect(await code).toBe('unavailable')
  })

  test('a run that ends takes its transfers along', async () => {
    const controller = new AbortController()
    let gone = () => {}
    const left = new Promise<void>((resolve) => (gone = resolve))
    const url = await serve((request) => {
      request.socket.on('close', gone)
      controller.abort()
    })
    expect(await codeOf(readUrl(filesWith(), url, MANY, controller.signal))).toBe('canceled')
    await left
    expect(await codeOf(readUrl(filesWith(), url, MANY, controller.signal))).toBe('canceled')
  })
})

test('no refusal repeats the url, which may carry a secret', async () => {
  const url = `${await serve((_request, response) => response.writeHead(403).end())}/x?token=hush`
  const { message, hint } = await refusalOf(readUrl(filesWith(), url, MANY, never))
  expect(`${message} ${hint}`).not.toMatch(/hush|127/)
})
