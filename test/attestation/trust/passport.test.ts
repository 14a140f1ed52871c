import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import type { KeyPair } from '../../../attestation/index.ts'
import {
  EAR_PROFILE,
  generateSigningKey,
  passportDigest,
  readOwnPassport,
  toBase64url,
  verifyPassport,
} from '../../../attestation/index.ts'
import { NOW_MS, passportOf, samplePlatform } from '../sample_platform.ts'

const platform = samplePlatform()
const { issuerKey, manifest } = platform
const verify = (jws: string, atMs = NOW_MS + 1_000, issuer: KeyPair = issuerKey) =>
  verifyPassport(jws, issuer.publicKey, manifest, atMs)
const notAdmitted = (reason: string) =>
  expect.objectContaining({ code: 'not_admitted', message: expect.stringContaining(reason) })

/** The claims of a good passport, signed again with some of them changed. */
async function resign(change: (claims: Record<string, unknown>) => void, header: object = {}): Promise<string> {
  const claims = structuredClone(decodeJwt(await platform.issue(passportOf('echo')))) as Record<string, unknown>
  change(claims)
  return new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', typ: 'eat+jwt', ...header }).sign(issuerKey.privateKey)
}

describe('a passport', () => {
  test('says what was put into it', async () => {
    const passport = passportOf('execution')
    expect(await verify(await platform.issue(passport))).toEqual({
      ...passport,
      signingKey: Buffer.from(passport.signingKey),
      sealingKey: Buffer.from(passport.sealingKey),
    })
  })

  test('can be read by its owner, who verifies nothing', async () => {
    const jws = await platform.issue(passportOf('execution'), generateSigningKey())
    await expect(verify(jws)).rejects.toEqual(notAdmitted('does not verify'))
    const good = await verify(await platform.issue(passportOf('echo')))
    expect(readOwnPassport(await platform.issue(passportOf('execution')))).toMatchObject({ role: 'execution' })
    expect(Object.keys(readOwnPassport(jws)).toSorted()).toEqual([...Object.keys(good), 'workerClass'].toSorted())
  })

  test.each(['', 'a.b.c', `e30.${Buffer.from('{"sub":"x"}').toString('base64url')}.x`])(
    'is not read from %j',
    (text) => {
      expect(() => readOwnPassport(text)).toThrow(expect.objectContaining({ code: 'not_admitted' }))
    },
  )

  test('is an EAR token that binds the key and names the policy', async () => {
    const passport = passportOf('echo')
    const jws = await platform.issue(passport)
    expect(decodeProtectedHeader(jws)).toEqual({ alg: 'EdDSA', typ: 'eat+jwt' })
    expect(decodeJwt(jws)).toMatchObject({
      iss: 'tacit.coordinator',
      sub: 'echo-1',
      iat: NOW_MS / 1000,
      exp: NOW_MS / 1000 + 600,
      eat_profile: EAR_PROFILE,
      cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(passport.signingKey) } },
      submods: { 'echo-1': { ear_appraisal_policy_ids: [expect.stringMatching(/^manifest:[0-9a-f]{64}$/)] } },
    })
  })

  test('of the simulated platform is never better than a warning', async () => {
    const claims = decodeJwt(await platform.issue(passportOf('echo')))
    expect(claims).toMatchObject({ ear_status: 'warning', tacit: { platform: 'simulated' } })
  })

  test('is named by the digest of its text', async () => {
    const [one, two] = [await platform.issue(passportOf('echo')), await platform.issue(passportOf('echo'))]
    expect(passportDigest(one)).toHaveLength(32)
    expect(passportDigest(one)).not.toEqual(passportDigest(two))
  })
})

describe('a passport is refused', () => {
  test('after its end, a few seconds for clocks that differ aside', async () => {
    const jws = await platform.issue(passportOf('echo'))
    await verify(jws, NOW_MS + 600_000 + 4_000)
    await expect(verify(jws, NOW_MS + 600_000 + 6_000)).rejects.toThrow(notAdmitted('expired'))
  })

  test('when another issuer signed it', async () => {
    const jws = await platform.issue(passportOf('echo'), generateSigningKey())
    await expect(verify(jws)).rejects.toThrow(notAdmitted('does not verify'))
  })

  test.each<[string, Parameters<typeof passportOf>[1]]>([
    ['a role that the manifest has not', { role: 'storage' }],
    ['a role by the name of a property of all objects', { role: '__proto__' }],
    ['a measurement that the manifest does not list', { measurement: 'ff'.repeat(32) }],
    ['a platform that the manifest does not list', { platform: 'sev-snp' }],
    ['a class that the manifest does not list', { workerClass: 'standard' }],
  ])('for %s, whoever signed it', async (_what, more) => {
    const jws = await platform.issue(passportOf('echo', more))
    await expect(verify(jws)).rejects.toThrow(notAdmitted('the manifest does not list'))
  })

  test.each<[string, (claims: Record<string, unknown>) => void]>([
    ['another issuer', (claims) => (claims['iss'] = 'tacit.frontend')],
    ['no subject', (claims) => delete claims['sub']],
    ['no end', (claims) => delete claims['exp']],
    ['no beginning', (claims) => delete claims['iat']],
    ['no id', (claims) => delete claims['jti']],
    ['another profile', (claims) => (claims['eat_profile'] = 'tag:example.org,2026:other')],
    ['a status that is contraindicated', (claims) => (claims['ear_status'] = 'contraindicated')],
    ['no key', (claims) => delete claims['cnf']],
    ['a key of another curve', (claims) => (claims['cnf'] = { jwk: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } })],
    ['a key that is too short', (claims) => (claims['cnf'] = { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } })],
    ['no sealing key', (claims) => delete (claims['tacit'] as Record<string, unknown>)['sealing_key']],
    ['none of our own claims', (claims) => delete claims['tacit']],
  ])('with %s', async (_what, change) => {
    await expect(resign(change).then((jws) => verify(jws))).rejects.toThrow(
      expect.objectContaining({ code: 'not_admitted' }),
    )
  })

  test('as another type of token', async () => {
    await expect(resign(() => {}, { typ: 'JWT' }).then((jws) => verify(jws))).rejects.toThrow(
      notAdmitted('does not verify'),
    )
  })

  test('unsigned, or signed with a symmetric key', async () => {
    const [, payload] = (await platform.issue(passportOf('echo'))).split('.')
    const header = (alg: string) => Buffer.from(JSON.stringify({ alg, typ: 'eat+jwt' })).toString('base64url')
    const symmetric = await new SignJWT(decodeJwt(`${header('none')}.${payload}.`))
      .setProtectedHeader({ alg: 'HS256', typ: 'eat+jwt' })
      .sign(issuerKey.publicKey)
    for (const jws of [`${header('none')}.${payload}.`, symmetric]) {
      await expect(verify(jws)).rejects.toThrow(notAdmitted('does not verify'))
    }
  })

  test('with any character of it changed, or cut off anywhere', async () => {
    const jws = await platform.issue(passportOf('echo'))
    for (let at = 0; at < jws.length; at += 7) {
      const changed = `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`
      await expect(verify(changed), `character ${at}`).rejects.toThrow(
        expect.objectContaining({ code: 'not_admitted' }),
      )
      await expect(verify(jws.slice(0, at)), `length ${at}`).rejects.toThrow(
        expect.objectContaining({ code: 'not_admitted' }),
      )
    }
  })
})
