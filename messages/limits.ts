/** Every bound of the wire in one place; reaching one is a refusal, never growth. */

/** nats-server's own default is 1 MiB; the rest is room for headers. */
export const FRAME_BYTES_MAX = 1_000_000
/** A frame closes when its letters reach this size; a single larger letter travels alone. */
export const FRAME_BYTES_TARGET = 256 * 1024
export const FRAME_LETTERS_MAX = 256
export const LETTER_BYTES_MAX = 900_000
export const SUBJECT_BYTES_MAX = 255
/** What a caller may choose. A service that forwards the id of a request as its own key keeps within it too. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 256
/** A frame lives at most this long; the replay window remembers it as long. */
export const FRAME_LIFETIME_MS_MAX = 60_000
/** How far ahead of ours a sender's clock may be. */
export const CLOCK_SKEW_MS = 5_000
export const REPLAY_FRAMES_MAX = 1_000_000
/** Frames taken whose signature is still to come. */
export const AWAITED_SIGNATURES_MAX = 100_000
export const PLAIN_BYTES_MAX = 900_000
/** What a payload or a return value may hold where it travels inside a message. */
export const PAYLOAD_BYTES_MAX = 512 * 1024
/** What a payload may hold that lies in the object store. */
export const STORED_PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
export const RESULT_BYTES_MAX = 256 * 1024
/** One file of a task; it is processed in parts. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024 * 1024
