/** Every bound of the wire in one place; reaching one is refused, and nothing grows beyond it. */

/** nats-server's own default is 1 MiB; the rest is room for headers. */
export const FRAME_BYTES_MAX = 1_000_000
/** A frame closes when its letters reach this size; a single larger letter travels alone. */
export const FRAME_BYTES_TARGET = 256 * 1024
export const FRAME_LETTERS_MAX = 256
export const LETTER_BYTES_MAX = 900_000
export const SUBJECT_BYTES_MAX = 255
/**
 * How long a key that a caller chooses may be. A service that forwards a request's id as its own key stays below it
 * too.
 */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 256
/** A frame lives at most this long, and the replay window remembers it for as long. */
export const FRAME_LIFETIME_MS_MAX = 60_000
/** How far ahead of ours a sender's clock may be. */
export const CLOCK_SKEW_MS = 5_000
export const REPLAY_FRAMES_MAX = 1_000_000
/** How many frames may be taken while their signature is still to come. */
export const AWAITED_SIGNATURES_MAX = 100_000
export const PLAIN_BYTES_MAX = 900_000
/** How large a payload may be that travels inside a message. */
export const PAYLOAD_BYTES_MAX = 512 * 1024
/** How large a payload may be that lies in the object store. */
export const STORED_PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
export const RESULT_BYTES_MAX = 256 * 1024
/** How large one file of a task may be; it is processed in parts. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024 * 1024
