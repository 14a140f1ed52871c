/** Eve makes up frames: changed ones, cut ones, mixed ones, and ones that claim to be from somebody else. */
import { generateKeys } from '../../attestation/index.ts'
import { encodeReply, encodeRequest, pack, parseFrame } from '../../messages/index.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Scene } from './scene.ts'
import { credentialOf, openScene, SAY, sayLetter } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('a frame that was changed on its way', () => {
  /** Codes of the answers to many messages at once; each must have one. */
  async function codesOf(messages: readonly Uint8Array[]): Promise<(string | undefined)[]> {
    const answers = messages.map((message) => scene.eve.connection.request(SAY, message, { timeout: 10_000 }))
    return (await Promise.all(answers)).map(({ headers }) =>
      headers?.has('Tacit-Code') === true ? headers.get('Tacit-Code') : undefined,
    )
  }
  const flipped = (frame: Buffer) =>
    Array.from(frame, (_byte, at) => {
      const changed = Buffer.from(frame)
      changed[at]! ^= 1 << (at % 8)
      return changed
    })
  const cut = (frame: Buffer) => [
    ...Array.from({ length: frame.length }, (_, length) => frame.subarray(0, length)),
    Buffer.concat([frame, Buffer.alloc(1)]),
    Buffer.concat([frame, frame]),
  ]

  test('is refused, whichever byte it was and wherever it was cut; then the frame itself is accepted', async () => {
    const frame = scene.eve.craft(scene.groupKey())
    const changed = await codesOf([...flipped(frame), ...cut(frame)])
    expect(changed).not.toContain(undefined)
    expect(changed).not.toContain('internal')
    // All of the sealed rest, the credential, the id, the nonce: nothing but the seal finds these.
    expect(changed.filter((code) => code === 'not_admitted').length).toBeGreaterThan(frame.length - 92)
    await scene.expectUnharmed()
    expect((await scene.eve.send(SAY, frame)).sealed).toBe(true)
    expect(scene.handled()).toContain('from Eve')
  })

  test('is refused also when it was accepted before', async () => {
    const { bytes } = await scene.catchFrame('honest')
    const codes = await codesOf([...flipped(bytes), ...cut(bytes)])
    expect(codes).not.toContain(undefined)
    expect(codes).not.toContain('internal')
    await scene.expectUnharmed(['honest'])
  })

  test('is refused when its rest is that of another frame', async () => {
    const { eve, groupKey } = scene
    const [one, two] = [eve.craft(groupKey()), eve.craft(groupKey())]
    const end = parseFrame(one).headerBytes.length
    const mixed = Buffer.concat([one.subarray(0, end), two.subarray(end)])
    expect((await eve.send(SAY, mixed)).code).toBe('not_admitted')
    await scene.expectUnharmed()
  })
})

describe('a frame under another name', () => {
  test("signed by Eve under a member's passport is not admitted", async () => {
    const { eve, groupKey, asker } = scene
    const { header } = await scene.catchFrame('honest')
    expect(header.credential.kind).toBe('passport')
    const forged = eve.craft(groupKey(), { header: { credential: header.credential } })
    const answer = await eve.send(SAY, forged)
    expect(answer.code).toBe('not_admitted')
    expect(answer.text).not.toContain(asker.memberId)
    await scene.expectUnharmed(['honest'])
  })

  test("under a member's signing key, with Eve's key to seal, is not admitted", async () => {
    const { eve, groupKey } = scene
    const victim = generateKeys()
    const mixed = { signingKey: victim.signingKey, sealingKey: eve.identity.keys.sealingKey }
    const forged = eve.craft(groupKey(), { header: { credential: credentialOf(mixed) } })
    expect((await eve.send(SAY, forged)).code).toBe('not_admitted')
    await scene.expectUnharmed()
  })

  test('signed by another key than the one that stands in it is not admitted', async () => {
    const { eve, groupKey } = scene
    expect((await eve.send(SAY, eve.craft(groupKey(), { signer: generateKeys() }))).code).toBe('not_admitted')
    await scene.expectUnharmed()
  })

  test('sealed to another key than the group has is not admitted', async () => {
    const { eve, groupKey } = scene
    const other = generateKeys().sealingKey.publicKey
    expect((await eve.send(SAY, eve.craft(groupKey(), { sealTo: other }))).code).toBe('not_admitted')
    await scene.expectUnharmed()
  })

  test('with a sealing key of small order, whose secret everybody knows, is not admitted', async () => {
    const { eve, groupKey } = scene
    for (const first of [0, 1]) {
      const sealingKey = Buffer.alloc(32)
      sealingKey[0] = first
      const credential = { ...credentialOf(eve.identity.keys), sealingKey }
      expect((await eve.send(SAY, eve.craft(groupKey(), { header: { credential } }))).code).toBe('not_admitted')
    }
    await scene.expectUnharmed()
  })

  test('for all these reasons gets the same answer', async () => {
    const { eve, groupKey } = scene
    const { header } = await scene.catchFrame('honest')
    const key = groupKey()
    const answers = []
    for (const frame of [
      eve.craft(key, { header: { credential: header.credential } }),
      eve.craft(key, { signer: generateKeys() }),
      eve.craft(key, { sealTo: generateKeys().sealingKey.publicKey }),
      eve.craft(key, { header: { credential: { kind: 'passport', digest: Buffer.alloc(32) } } }),
      eve.craft(key, { header: { credential: { ...credentialOf(eve.identity.keys), sealingKey: Buffer.alloc(32) } } }),
    ]) {
      answers.push(await eve.send(SAY, frame))
    }
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
    expect(answers[0]!.code).toBe('not_admitted')
  })
})

describe('a proper frame with improper letters', () => {
  test.each<[string, () => Uint8Array[]]>([
    ['that is empty', () => [new Uint8Array(0)]],
    ['that is noise', () => [Buffer.from('c1c1c1', 'hex')]],
    ['that nests deeper than any stack', () => [Buffer.alloc(500_000, 0x91)]],
    ['with two values', () => [Buffer.concat([Buffer.from(sayLetter('x')), pack(1)])]],
    ['beside a proper one', () => [sayLetter('x'), pack('no letter')]],
    ['with too long a key', () => [pack([1, 'say', Date.now() + 5000, 'k'.repeat(257), { text: 'x' }])]],
    ['with a deadline that is no number', () => [pack([1, 'say', Number.NaN, null, { text: 'x' }])]],
  ])('%s is refused whole', async (_what, letters) => {
    const { eve, groupKey } = scene
    expect((await eve.send(SAY, eve.craft(groupKey(), { letters: letters() }))).code).toBe('malformed')
    await scene.expectUnharmed()
  })

  test('with a deadline that has passed is answered, and not handled', async () => {
    const { eve, groupKey } = scene
    const answer = await eve.send(SAY, eve.craft(groupKey(), { letters: [sayLetter('late', 1, Date.now() - 1)] }))
    expect(answer.sealed).toBe(true)
    await scene.expectUnharmed()
  })

  test('that counts other letters than it has is refused', async () => {
    const { eve, groupKey } = scene
    for (const letters of [1, 3, 256]) {
      const frame = eve.craft(groupKey(), { header: { letters }, letters: [sayLetter('a', 1), sayLetter('b', 2)] })
      expect((await eve.send(SAY, frame)).code).toBe('malformed')
    }
    await scene.expectUnharmed()
  })
})

test('a line break in the name of the receiver, which a refusal would quote in a header, harms nobody', async () => {
  const { eve, groupKey } = scene
  const frame = eve.craft(groupKey(), { header: { receiver: 'XX' } })
  const at = frame.indexOf('XX')
  for (const name of ['\r\n', '\n\n', '\0\0', '  ']) {
    const changed = Buffer.from(frame)
    changed.write(name, at, 'latin1')
    expect((await eve.send(SAY, changed)).code).toBe('malformed')
  }
  await scene.expectUnharmed()
})

test("a client cannot answer in the desk's place, though it knows which request is under way", async () => {
  const { eve, honest, log } = scene
  const passport = await readPassport(scene, scene.asker.memberId)
  const waiting = honest.wait({ name: 'w' })
  await log.until(1)
  const [request] = await eve.framesOn('tacit.desk.wait')
  const reply = request!.reply!
  // Sealed to the asker's own key, which its passport shows to everybody.
  const frame = eve.craft(scene.groupKey(), {
    header: { kind: 'reply', epoch: 0, receiver: scene.asker.memberId, subject: reply },
    letters: Array.from({ length: 200 }, (_, number) => encodeReply(number, { aborted: true })),
    sealTo: passport.sealingKey,
  })
  eve.connection.publish(reply, frame)
  await eve.connection.flush()
  log.waiting.get('w')!()
  expect(await waiting).toEqual({ aborted: false })
})

test("a frame of a client's making cannot call what is for members", async () => {
  const { eve, groupKey } = scene
  const letters = [
    encodeRequest({ number: 1, method: 'inner', deadlineMs: Date.now() + 5000, idempotencyKey: null, body: {} }),
  ]
  const answer = await eve.send(
    'tacit.desk.inner',
    eve.craft(groupKey(), { letters, header: { subject: 'tacit.desk.inner' } }),
  )
  expect(answer.code).toBe('not_admitted')
  expect(answer.text).toContain('not open to clients')
  // Nor under the subject of what it may call.
  expect((await eve.send(SAY, eve.craft(groupKey(), { letters }))).sealed).toBe(true)
  await scene.expectUnharmed()
})

async function readPassport({ eve }: Scene, member: string): Promise<{ sealingKey: Uint8Array }> {
  const stored = await eve.connection.request(
    `$JS.API.DIRECT.GET.KV_passports.$KV.passports.member.${member}`,
    undefined,
  )
  const claims = JSON.parse(Buffer.from(stored.string().split('.')[1]!, 'base64url').toString()) as {
    tacit: { sealing_key: string }
  }
  return { sealingKey: Buffer.from(claims.tacit.sealing_key, 'base64url') }
}
