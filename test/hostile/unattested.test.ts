/** Eve has no evidence that passes, and speaks as a member all the same; or has somebody else's. */
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MemberKeys, Passport } from '../../attestation/index.ts'
import {
  createSimulatedDevice,
  generateKeys,
  generateSigningKey,
  issuePassport,
  manifestDigest,
  memberReportData,
  passportDigest,
} from '../../attestation/index.ts'
import type { RefusalCode } from '../../messages/index.ts'
import { coordinator, encodeRequest, parseReply } from '../../messages/index.ts'
import {
  KeyRing,
  ManualClock,
  openPassportBucket,
  Peers,
  ReplayWindow,
  SealedChannel,
  systemClock,
} from '../../runtime/index.ts'
import { deskService } from '../runtime/member/desk.ts'
import { measurementOf } from '../support/platform.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
let keys: MemberKeys
beforeEach(async () => {
  scene = await openScene()
  keys = generateKeys()
})
afterEach(() => scene[Symbol.asyncDispose]())

function passportFor(more: Partial<Passport> = {}): Passport {
  return {
    member: 'asker-eve',
    role: 'asker',
    platform: 'simulated',
    measurement: measurementOf('asker'),
    signingKey: keys.signingKey.publicKey,
    sealingKey: keys.sealingKey.publicKey,
    issuedAtMs: Date.now(),
    expiresAtMs: Date.now() + 600_000,
    ...more,
  }
}

/** Puts a text where passports lie, under the digest of another if told, and speaks under it. */
async function speakUnder(jws: string, storedAs = jws): Promise<RefusalCode | 'answered' | undefined> {
  const bucket = openPassportBucket(scene.eve.connection, false)
  await bucket.put('asker-eve', passportDigest(storedAs).toString('hex'), jws)
  const credential = { kind: 'passport' as const, digest: passportDigest(storedAs) }
  const answer = await scene.eve.send(SAY, scene.eve.craft(scene.groupKey(), { keys, header: { credential } }))
  return answer.sealed === true ? 'answered' : (answer.code as RefusalCode | undefined)
}

describe('a passport of Eve’s own making', () => {
  const issue = (passport: Passport, key = generateSigningKey()) =>
    issuePassport(key, passport, manifestDigest(scene.platform.manifestText), 'eve')

  test('by another issuer is not admitted', async () => {
    expect(await speakUnder(await issue(passportFor()))).toBe('not_admitted')
    await scene.expectUnharmed()
  })

  test('that is no token, or an unsigned one, is not admitted', async () => {
    const [header, payload] = (await issue(passportFor())).split('.') as [string, string]
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'eat+jwt' })).toString('base64url')
    const symmetric = await new SignJWT({ sub: 'asker-eve' })
      .setProtectedHeader({ alg: 'HS256', typ: 'eat+jwt' })
      .sign(scene.platform.authority().issuerKey)
    for (const jws of ['', 'x', `${header}.${payload}.`, `${none}.${payload}.`, symmetric]) {
      expect(await speakUnder(jws), jws.slice(0, 12)).toBe('not_admitted')
    }
    await scene.expectUnharmed()
  })

  test('that nobody has published is not admitted', async () => {
    const credential = { kind: 'passport' as const, digest: passportDigest(await issue(passportFor())) }
    const answer = await scene.eve.send(SAY, scene.eve.craft(scene.groupKey(), { keys, header: { credential } }))
    expect(answer.code).toBe('not_admitted')
    await scene.expectUnharmed()
  })
})

describe('a passport of somebody else', () => {
  test('is of no use without its keys', async () => {
    const bucket = openPassportBucket(scene.eve.connection, false)
    const jws = (await bucket.byMember(scene.asker.memberId))!
    expect(await speakUnder(jws)).toBe('not_admitted')
    await scene.expectUnharmed()
  })

  test('in the place of another is found out: what lies there must hash to what the frame names', async () => {
    const bucket = openPassportBucket(scene.eve.connection, false)
    const jws = (await bucket.byMember(scene.asker.memberId))!
    expect(await speakUnder(jws, 'the digest of something else')).toBe('not_admitted')
    await scene.expectUnharmed()
  })
})

describe('a passport that was real', () => {
  test('does not admit after its end', async () => {
    const clock = new ManualClock(Date.now() - 3_600_000)
    const authority = scene.platform.authority()
    const real = (await openPassportBucket(scene.eve.connection, false).byMember(scene.asker.memberId))!
    const peers = new Peers(
      openPassportBucket(scene.eve.connection, false),
      () => ({ issuerKey: authority.issuerKey, manifest: authority.manifest }),
      clock,
    )
    const credential = { kind: 'passport' as const, digest: passportDigest(real) }
    await peers.resolve(credential)
    clock.advance(2 * 3_600_000)
    expect(() => peers.known(credential)).toThrow(
      expect.objectContaining({ code: 'not_admitted', cause: 'passport expired' }),
    )
    await expect(peers.resolve(credential)).rejects.toMatchObject({ code: 'not_admitted' })
  })

  test('of another role does not open what is for others: the stranger is a member, but no caller', async () => {
    const stranger = await scene.platform.join('stranger', () => deskService())
    const client = stranger.host.client((await import('../runtime/member/desk.ts')).desk)
    await expect(client.say({ text: 'from a stranger' })).rejects.toMatchObject({ code: 'not_admitted' })
    await client.inner({})
    await scene.expectUnharmed()
  })
})

describe('enrolment', () => {
  /** Asks the coordinator as Eve, sealed and signed by keys of hers, and opens the answer. */
  async function enrol(request: Record<string, unknown>, signedBy: MemberKeys = keys) {
    const { eve, platform, groupKey } = scene
    const authority = platform.authority()
    const letter = encodeRequest({
      number: 1,
      method: 'enrol',
      deadlineMs: Date.now() + 5_000,
      idempotencyKey: null,
      body: request,
    })
    const subject = 'tacit.coordinator.enrol'
    const frame = eve.craft(groupKey('coordinator'), { keys: signedBy, letters: [letter], header: { subject } })
    const inbox = `_INBOX.${Buffer.from(signedBy.signingKey.publicKey).toString('hex').slice(0, 12)}`
    const subscription = eve.connection.subscribe(inbox, { max: 1 })
    eve.connection.publish(subject, frame, { reply: inbox })
    for await (const message of subscription) {
      if (message.headers?.has('Tacit-Code') === true) return { code: message.headers.get('Tacit-Code') }
      const anchor = { issuerKey: authority.issuerKey, manifest: authority.manifest }
      const peers = new Peers(openPassportBucket(eve.connection, false), () => anchor, systemClock)
      const { Identity } = await import('../../runtime/index.ts')
      const channel = new SealedChannel({
        identity: Identity.client(signedBy),
        keyRing: new KeyRing(),
        peers,
        replays: new ReplayWindow(systemClock),
        clock: systemClock,
      })
      const { letters } = await channel.open(inbox, message.data, () => {})
      const reply = parseReply(letters[0]!)
      return 'refusal' in reply
        ? (reply.refusal as { code: string; message: string })
        : { code: 'admitted', body: reply.body }
    }
    return { code: 'silence' }
  }

  async function requestFor(
    role: string,
    more: {
      keys?: MemberKeys
      measurement?: string
      root?: ReturnType<typeof generateSigningKey>
      member?: string
    } = {},
  ) {
    const { signingKey, sealingKey } = more.keys ?? keys
    const device = createSimulatedDevice(
      more.root ?? scene.platform.root,
      role,
      more.measurement ?? measurementOf(role),
      () => Date.now(),
    )
    const content = {
      role,
      member: more.member ?? `${role}-eve`,
      workerClass: undefined,
      signingKey: signingKey.publicKey,
      sealingKey: sealingKey.publicKey,
      nonce: scene.platform.authority().makeNonce(),
    }
    return {
      role,
      member: content.member,
      nonce: content.nonce,
      signing_key: content.signingKey,
      sealing_key: content.sealingKey,
      evidence: await device.attest(memberReportData(content)),
    }
  }

  test('with evidence that passes admits: the tests below fail for what they say, and nothing else', async () => {
    const answer = await enrol(await requestFor('desk'))
    expect(answer.code).toBe('admitted')
    expect(coordinator.methods.enrol.reply.safeParse('body' in answer ? answer.body : undefined).success).toBe(true)
  })

  test('with other code, another device, or another role is refused', async () => {
    const attempts = [
      await requestFor('desk', { measurement: 'ab'.repeat(32) }),
      await requestFor('desk', { root: generateSigningKey() }),
      { ...(await requestFor('desk')), role: 'frontend' },
      { ...(await requestFor('desk')), role: 'coordinator' },
      { ...(await requestFor('desk')), role: 'unheard_of' },
    ]
    for (const attempt of attempts) expect((await enrol(attempt)).code).toBe('platform_untrusted')
    await scene.expectUnharmed()
  })

  test('of the keys of somebody else is refused, with their evidence too', async () => {
    const theirs = generateKeys()
    const request = await requestFor('desk', { keys: theirs })
    const answer = await enrol(request)
    expect(answer).toMatchObject({
      code: 'platform_untrusted',
      message: expect.stringContaining('signed by another key'),
    })
    // Their own letter, caught on its way, is refused as a replay; its evidence under Eve's keys does not fit.
    const stolen = { ...request, signing_key: keys.signingKey.publicKey, sealing_key: keys.sealingKey.publicKey }
    expect((await enrol(stolen)).code).toBe('platform_untrusted')
    await scene.expectUnharmed()
  })

  test('with a sealing key exchanged for hers is refused', async () => {
    const request = await requestFor('desk')
    const answer = await enrol({ ...request, sealing_key: generateKeys().sealingKey.publicKey })
    expect(answer.code).toBe('platform_untrusted')
  })

  test('with a nonce of hers, or an old one, is refused', async () => {
    const request = await requestFor('desk')
    expect((await enrol({ ...request, nonce: Buffer.alloc(32) })).code).toBe('expired')
    const other = scene.platform.authority().makeNonce()
    expect((await enrol({ ...request, nonce: other })).code).toBe('platform_untrusted')
  })

  test('under the name of a member that lives needs evidence for that name', async () => {
    const request = await requestFor('asker', { member: 'asker-eve' })
    expect((await enrol({ ...request, member: scene.asker.memberId })).code).toBe('platform_untrusted')
    await scene.expectUnharmed()
  })
})

describe('a member that is started with', () => {
  test.each<[string, object]>([
    ['other code', { measurement: 'ab'.repeat(32) }],
    ['another device', { root: generateSigningKey() }],
  ])('%s does not come up', async (_what, options) => {
    await expect(scene.platform.join('desk', () => deskService(), options)).rejects.toMatchObject({
      code: 'platform_untrusted',
    })
    await scene.expectUnharmed()
  })

  test('a role that the manifest has not does not come up', async () => {
    await expect(scene.platform.join('unheard_of', () => deskService())).rejects.toMatchObject({
      code: 'platform_untrusted',
    })
  })
})
