/**
 * Every limit of the protocol, with its unit in its name. `docs/protocol.md` §2 says why each stands where it does.
 *
 * @module
 */

/** Bytes of a whole packet as it travels, `delivery` excluded. */
export const MAX_PACKET_BYTES = 8 * 1024 * 1024
/** Bytes of a packet's JSON projection, white space included: the base64 of the largest ciphertext, and room for the rest. */
export const MAX_JSON_PACKET_BYTES = 10 * 1024 * 1024
/** Bytes of `header`; with the PAE around it this stays under the 4,096 bytes that AWS KMS signs raw. */
export const MAX_HEADER_BYTES = 4_000
/** Bytes of `recipients`: eight X-Wing recipients fit. */
export const MAX_RECIPIENTS_BYTES = 12 * 1024
export const MAX_RECIPIENTS = 8
/** Bytes of the ciphertext's plaintext after padding. */
export const MAX_PADDED_BYTES = 7 * 1024 * 1024
/** Bytes of `delivery`: two receipts and a key chain. */
export const MAX_DELIVERY_BYTES = 320 * 1024
/** Bytes of one encoded frame. */
export const MAX_FRAME_BYTES = 64 * 1024
/** Bytes of content that one frame may carry. */
export const MAX_FRAME_CONTENT_BYTES = 60 * 1024
export const MAX_FRAMES = 1 << 20
/** Packets under one batch signature. */
export const MAX_BATCH_PACKETS = 1_024
/** Frames after which a stream checkpoint is due. */
export const STREAM_CHECKPOINT_FRAMES = 64
/** Milliseconds after which a stream checkpoint is due. */
export const STREAM_CHECKPOINT_MS = 1_000
/** Milliseconds for which tokens are gathered into one frame. */
export const FRAME_COALESCE_MS = 40

/** A packet is taken in if it was created at most this long before the router's clock. */
export const MAX_AGE_MS = 120_000
/** … and at most this long after it. */
export const MAX_SKEW_MS = 30_000
/** `expires_ms − created_ms` is at most this. */
export const MAX_LIFETIME_MS = 600_000
/** Slots of the replay window of one (sender key, epoch). */
export const REPLAY_WINDOW_SLOTS = 2_048
/** Epochs that a router keeps for one sender key. */
export const EPOCHS_KEPT = 2
/** How long the predecessor of the routing table in force may still be named. */
export const TABLE_GRACE_MS = 600_000
/** A connection that is lost without CANCEL stops its inference after this long. */
export const ABANDON_MS = 30_000
/** Clock skew that the next attempt waits out after `accept_by_ms`. */
export const ACCEPT_SKEW_MS = 2_000

/** Milliseconds a packet key lives, by default. */
export const PACKET_KEY_MS = 86_400_000
/** Milliseconds after which a KEM prekey is replaced; two are live at once. */
export const PREKEY_ROTATE_MS = 86_400_000
/** Bytes of one key event, routing table, model statement or authorization. */
export const MAX_DOCUMENT_BYTES = 256 * 1024
/** Events in one presented key chain. */
export const MAX_CHAIN_EVENTS = 256
/** Bytes of a saved answer. */
export const MAX_SAVED_ANSWER_BYTES = 16 * 1024 * 1024
/** Bytes of a signed note: a checkpoint with all its signatures. */
export const MAX_NOTE_BYTES = 64 * 1024
/** Bytes of one receipt. */
export const MAX_RECEIPT_BYTES = 72 * 1024
/** Characters of a tag. */
export const MAX_TAG_CHARS = 128
