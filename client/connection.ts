/**
 * An outside party's connection. The platform first proves itself against the manifest that the party pinned; nothing
 * is sent before. Each letter is signed by the party's own key, and sealed to the group that may read it.
 */
import type { KeyPair } from '../attestation/index.ts'
import { generateSealingKey, generateSigningKey } from '../attestation/index.ts'
import type { DoorMethod, Protocol } from '../messages/index.ts'
import { authentication, frontend, inboxSubject, mapValues, Refusal } from '../messages/index.ts'
import type { z } from 'zod'
import type { AskOptions, Client, Clock, FileStore, Log, PlatformProof, TrustAnchor } from '../runtime/index.ts'
import {
  Asker,
  clientWithin,
  connectBroker,
  createTransport,
  Identity,
  KeyRing,
  ObjectFileStore,
  openPassportBucket,
  Peers,
  provePlatform,
  ReplayWindow,
  SealedChannel,
  silentLog,
  systemClock,
  toGroup,
} from '../runtime/index.ts'

/** The broker, the manifest that the party trusts, and what a connection may be handed. */
export interface ConnectOptions {
  /** The broker's address, `nats://host:port`. */
  url: string
  user?: string
  password?: string
  /** The text of the manifest that this party trusts; a platform with another manifest is refused. */
  manifest: string
  /** The key that signs this party's letters, and to which sessions are bound; a fresh one by default. */
  signingKey?: KeyPair
  /** Ends the opening with `canceled`. An open connection ends by `close`; each call takes a signal of its own. */
  signal?: AbortSignal
  clock?: Clock
  log?: Log
}

/** What a method of the frontend takes, such as `ApiRequest<'create_task'>`; the connection adds the session. */
export type ApiRequest<K extends DoorMethod> = z.input<(typeof frontend)['methods'][K]['request']['shape']['request']>
/** What a method of the frontend answers, such as `ApiReply<'create_task'>`. */
export type ApiReply<K extends DoorMethod> = z.output<(typeof frontend)['methods'][K]['reply']>

/** The frontend's methods, typed, under the session of the user who logged in. */
export type Api = { [K in DoorMethod]: (request: ApiRequest<K>, options?: AskOptions) => Promise<ApiReply<K>> }

/** A session that `login` opened. */
export interface Session {
  userId: string
  token: string
  expiresAtMs: number
}

const REFRESH_MS_MIN = 1_000
/** How long a watch waits where its request does not say. */
const WATCH_MS = 20_000
const WATCH_LATE_MS = 2_000
const WATCH_AGAIN_MS = 15_000

/** A connection to a platform that has proven itself. Close it, or declare it with `await using`. */
export class TacitConnection implements AsyncDisposable {
  readonly platform: PlatformProof
  readonly signingKey: KeyPair
  readonly files: FileStore
  /** The version that the broker claims to have. */
  readonly brokerVersion: string
  /** The methods for logging in, and for users. */
  readonly authentication: Client<typeof authentication>
  readonly #client: <P extends Protocol>(protocol: P) => Client<P>
  readonly #frontend: Client<typeof frontend>
  readonly #close: () => Promise<void>

  private constructor(parts: {
    platform: PlatformProof
    signingKey: KeyPair
    files: FileStore
    brokerVersion: string
    client: <P extends Protocol>(protocol: P) => Client<P>
    close: () => Promise<void>
  }) {
    this.platform = parts.platform
    this.signingKey = parts.signingKey
    this.files = parts.files
    this.brokerVersion = parts.brokerVersion
    this.#client = parts.client
    this.authentication = parts.client(authentication)
    this.#frontend = parts.client(frontend)
    this.#close = parts.close
  }

  /** @throws Refusal `no_broker`, `unavailable`, `canceled`, or `platform_untrusted` before anything was sent */
  static async open(options: ConnectOptions): Promise<TacitConnection> {
    const { clock = systemClock, log = silentLog, signingKey = generateSigningKey() } = options
    const identity = Identity.client({ signingKey, sealingKey: generateSealingKey() })
    const inbox = inboxSubject('client', identity.id.slice(0, 16) + Buffer.from(identity.sessionPrefix).toString('hex'))
    const name = `client-${identity.id.slice(0, 12)}`
    const broker = await reachBroker({ ...options, name }, options.signal)
    const transport = createTransport(broker)
    try {
      const question = { transport, inbox, manifestText: options.manifest, clock }
      const platform = await provePlatform({ ...question, signal: options.signal })
      const anchor: TrustAnchor = platform.anchor
      const keyRing = new KeyRing()
      keyRing.learn(platform.groups)
      const peers = new Peers(openPassportBucket(broker, false), () => anchor, clock)
      const channel = new SealedChannel({ identity, keyRing, peers, replays: new ReplayWindow(clock), clock })
      let refreshedAtMs = clock.now()
      const refresh = () => {
        if (clock.now() - refreshedAtMs < REFRESH_MS_MIN) return
        refreshedAtMs = clock.now()
        provePlatform(question).then(
          ({ groups }) => keyRing.learn(groups),
          (error: unknown) => log.warn({ err: error }, 'the group keys could not be renewed'),
        )
      }
      const asker = new Asker({ channel, transport, inbox, clock, log, onStaleKeys: refresh })
      return new TacitConnection({
        platform,
        signingKey,
        files: new ObjectFileStore(broker, { buckets: [] }),
        brokerVersion: broker.info?.version ?? 'unknown',
        client: (protocol) => asker.client(protocol, (method) => toGroup(protocol.name, method)),
        async close() {
          asker.close()
          await transport.close()
        },
      })
    } catch (error) {
      await transport.close()
      throw error
    }
  }

  /** Opens a session for a user; it is bound to this connection's signing key. */
  async login(userId: string, password: string, options?: AskOptions): Promise<Session> {
    const { token, expires_at } = await this.authentication.user_login({ id: userId, password }, options)
    return { userId, token, expiresAtMs: expires_at }
  }

  /** The frontend's methods under a session. */
  as(session: Pick<Session, 'token'>): Api {
    return mapValues<typeof frontend.methods, Api>(frontend.methods, (_method, name) => {
      const ask = this.#frontend[name] as (request: object, options?: AskOptions) => Promise<unknown>
      return (request: unknown, options: AskOptions = {}) =>
        ask({ session: session.token, request }, name === 'watch_task' ? { ...timesOf(request), ...options } : options)
    })
  }

  /**
   * A typed client of a service that the operator added to the deployment. Its letters are sealed to that service's
   * members alone, and it is for the service to ask for a session.
   * @throws Refusal from each method: at once `unsupported` where the manifest has no role for the service, and
   * `not_admitted` where the protocol is not open to clients; else as the protocol says
   */
  service<P extends Protocol>(protocol: P): Client<P> {
    return clientWithin(protocol, 'client', this.#client(protocol))
  }

  close(): Promise<void> {
    return this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}

/** The operating system waits long for a broker that does not answer; a caller who gives up does not wait with it. */
async function reachBroker(
  { url, user, password, name }: ConnectOptions & { name: string },
  signal: AbortSignal | undefined,
): ReturnType<typeof connectBroker> {
  const givenUp = () => new Refusal('canceled', 'the caller gave up')
  if (signal?.aborted === true) throw givenUp()
  const connecting = connectBroker({ url, user, password, name })
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(givenUp())
      connecting.then(
        (broker) => broker.close(),
        () => {}, // it never connected, so there is nothing to close
      )
    }
    signal?.addEventListener('abort', onAbort)
    connecting.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort))
  })
}

/**
 * A watch waits by design, so it is asked again only once its time is over; then soon, because the member that it
 * waited at may be gone.
 */
function timesOf(request: unknown): AskOptions {
  const { wait_ms = WATCH_MS } = request as { wait_ms?: number }
  return { attemptMs: wait_ms + WATCH_LATE_MS, timeoutMs: wait_ms + WATCH_AGAIN_MS }
}
