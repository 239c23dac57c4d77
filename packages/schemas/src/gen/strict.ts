// Generated from proto/ by generate/strict-tables.ts. Do not edit.
import { type Table, table } from '../strict.ts'

/** `weave.packet.v1.Packet` */
export interface Packet {
  readonly header: Uint8Array
  readonly recipients?: Uint8Array | undefined
  readonly ciphertext?: Uint8Array | undefined
  readonly signature?: Uint8Array | undefined
  readonly batch?: BatchProof | undefined
  readonly delivery?: Uint8Array | undefined
}
export const Packet: Table<Packet> = /* @__PURE__ */ table('weave.packet.v1.Packet', [
  { no: 1, name: 'header', type: 'bytes', required: true },
  { no: 2, name: 'recipients', type: 'bytes' },
  { no: 3, name: 'ciphertext', type: 'bytes' },
  { no: 4, name: 'signature', type: 'bytes', oneof: 'origin', length: 64 },
  { no: 5, name: 'batch', type: 'message', oneof: 'origin', message: () => BatchProof },
  { no: 6, name: 'delivery', type: 'bytes' },
])

/** `weave.packet.v1.Header` */
export interface Header {
  readonly core: Uint8Array
  readonly recipientsHash?: Uint8Array | undefined
  readonly ciphertextHash?: Uint8Array | undefined
}
export const Header: Table<Header> = /* @__PURE__ */ table('weave.packet.v1.Header', [
  { no: 1, name: 'core', type: 'bytes', required: true },
  { no: 2, name: 'recipientsHash', type: 'bytes', length: 32 },
  { no: 3, name: 'ciphertextHash', type: 'bytes', length: 32 },
])

/** `weave.packet.v1.HeaderCore` */
export interface HeaderCore {
  readonly version: number
  readonly suite: number
  readonly kind: number
  readonly network: Uint8Array
  readonly sender: Uint8Array
  readonly senderKey: Uint8Array
  readonly targetTag?: string | undefined
  readonly targetInstance?: Uint8Array | undefined
  readonly recipients: readonly Uint8Array[]
  readonly createdMs: number
  readonly expiresMs: number
  readonly nonce: Uint8Array
  readonly epoch: bigint
  readonly seq: bigint
  readonly correlationId: Uint8Array
  readonly inReplyTo?: Uint8Array | undefined
  readonly attempt?: number | undefined
  readonly responseNonce?: Uint8Array | undefined
  readonly code?: number | undefined
  readonly contentCommitment?: Uint8Array | undefined
  readonly paddedSize?: number | undefined
  readonly tableDigest?: Uint8Array | undefined
  readonly retry?: Retry | undefined
  readonly session?: Uint8Array | undefined
  readonly priority?: number | undefined
  readonly prefixTag?: Uint8Array | undefined
  readonly supersedes?: Uint8Array | undefined
  readonly schema: Uint8Array
  readonly compatibleVersions: readonly number[]
}
export const HeaderCore: Table<HeaderCore> = /* @__PURE__ */ table('weave.packet.v1.HeaderCore', [
  { no: 1, name: 'version', type: 'u32', required: true },
  { no: 2, name: 'suite', type: 'u32', required: true },
  { no: 3, name: 'kind', type: 'enum', required: true },
  { no: 4, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 5, name: 'sender', type: 'bytes', required: true, length: 32 },
  { no: 6, name: 'senderKey', type: 'bytes', required: true, length: 32 },
  { no: 7, name: 'targetTag', type: 'string', oneof: 'target', maxBytes: 128 },
  { no: 8, name: 'targetInstance', type: 'bytes', oneof: 'target', length: 32 },
  { no: 9, name: 'recipients', type: 'bytes', repeated: true, length: 32, maxItems: 8 },
  { no: 10, name: 'createdMs', type: 'ms', required: true },
  { no: 11, name: 'expiresMs', type: 'ms', required: true },
  { no: 12, name: 'nonce', type: 'bytes', required: true, length: 16 },
  { no: 13, name: 'epoch', type: 'u64', required: true },
  { no: 14, name: 'seq', type: 'u64', required: true },
  { no: 15, name: 'correlationId', type: 'bytes', required: true, length: 16 },
  { no: 16, name: 'inReplyTo', type: 'bytes', length: 32 },
  { no: 17, name: 'attempt', type: 'u32' },
  { no: 18, name: 'responseNonce', type: 'bytes', length: 32 },
  { no: 19, name: 'code', type: 'u32' },
  { no: 20, name: 'contentCommitment', type: 'bytes', length: 32 },
  { no: 21, name: 'paddedSize', type: 'u32' },
  { no: 22, name: 'tableDigest', type: 'bytes', length: 32 },
  { no: 23, name: 'retry', type: 'message', message: () => Retry },
  { no: 24, name: 'session', type: 'bytes', length: 32 },
  { no: 25, name: 'priority', type: 'enum' },
  { no: 26, name: 'prefixTag', type: 'bytes', length: 16 },
  { no: 27, name: 'supersedes', type: 'bytes', length: 32 },
  { no: 28, name: 'schema', type: 'bytes', required: true, length: 32 },
  { no: 29, name: 'compatibleVersions', type: 'u32', required: true, repeated: true, maxItems: 8 },
])

/** `weave.packet.v1.Retry` */
export interface Retry {
  readonly maxAttempts: number
  readonly afterOpen?: boolean | undefined
}
export const Retry: Table<Retry> = /* @__PURE__ */ table('weave.packet.v1.Retry', [
  { no: 1, name: 'maxAttempts', type: 'u32', required: true },
  { no: 2, name: 'afterOpen', type: 'bool' },
])

/** `weave.packet.v1.Recipients` */
export interface Recipients {
  readonly recipients: readonly Recipient[]
}
export const Recipients: Table<Recipients> = /* @__PURE__ */ table('weave.packet.v1.Recipients', [
  { no: 1, name: 'recipients', type: 'message', required: true, repeated: true, maxItems: 8, message: () => Recipient },
])

/** `weave.packet.v1.Recipient` */
export interface Recipient {
  readonly instanceId: Uint8Array
  readonly kemKeyId: Uint8Array
  readonly enc?: Uint8Array | undefined
  readonly wrappedKey: Uint8Array
}
export const Recipient: Table<Recipient> = /* @__PURE__ */ table('weave.packet.v1.Recipient', [
  { no: 1, name: 'instanceId', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'kemKeyId', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'enc', type: 'bytes', maxBytes: 1120 },
  { no: 4, name: 'wrappedKey', type: 'bytes', required: true, length: 48 },
])

/** `weave.packet.v1.BatchProof` */
export interface BatchProof {
  readonly statement: Uint8Array
  readonly signature: Uint8Array
  readonly path: readonly Uint8Array[]
}
export const BatchProof: Table<BatchProof> = /* @__PURE__ */ table('weave.packet.v1.BatchProof', [
  { no: 1, name: 'statement', type: 'bytes', required: true, maxBytes: 512 },
  { no: 2, name: 'signature', type: 'bytes', required: true, length: 64 },
  { no: 3, name: 'path', type: 'bytes', repeated: true, length: 32, maxItems: 10 },
])

/** `weave.packet.v1.BatchRoot` */
export interface BatchRoot {
  readonly network: Uint8Array
  readonly senderKey: Uint8Array
  readonly epoch: bigint
  readonly firstSeq: bigint
  readonly size: number
  readonly root: Uint8Array
  readonly createdMs: number
}
export const BatchRoot: Table<BatchRoot> = /* @__PURE__ */ table('weave.packet.v1.BatchRoot', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'senderKey', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'epoch', type: 'u64', required: true },
  { no: 4, name: 'firstSeq', type: 'u64', required: true },
  { no: 5, name: 'size', type: 'u32', required: true },
  { no: 6, name: 'root', type: 'bytes', required: true, length: 32 },
  { no: 7, name: 'createdMs', type: 'ms', required: true },
])

/** `weave.packet.v1.Delivery` */
export interface Delivery {
  readonly requestReceipt?: Uint8Array | undefined
  readonly attemptReceipt?: Uint8Array | undefined
  readonly senderKeys: Uint8Array
}
export const Delivery: Table<Delivery> = /* @__PURE__ */ table('weave.packet.v1.Delivery', [
  { no: 1, name: 'requestReceipt', type: 'bytes', maxBytes: 16384 },
  { no: 2, name: 'attemptReceipt', type: 'bytes', maxBytes: 16384 },
  { no: 3, name: 'senderKeys', type: 'bytes', required: true, maxBytes: 262144 },
])

/** `weave.packet.v1.SignedDocument` */
export interface SignedDocument {
  readonly body: Uint8Array
  readonly key: Uint8Array
  readonly signature: Uint8Array
}
export const SignedDocument: Table<SignedDocument> = /* @__PURE__ */ table('weave.packet.v1.SignedDocument', [
  { no: 1, name: 'body', type: 'bytes', required: true, maxBytes: 262144 },
  { no: 2, name: 'key', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'signature', type: 'bytes', required: true, length: 64 },
])

/** `weave.packet.v1.AnswerFetch` */
export interface AnswerFetch {
  readonly network: Uint8Array
  readonly packetId: Uint8Array
  readonly from?: number | undefined
  readonly createdMs: number
  readonly nonce: Uint8Array
  readonly audience: string
}
export const AnswerFetch: Table<AnswerFetch> = /* @__PURE__ */ table('weave.packet.v1.AnswerFetch', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'packetId', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'from', type: 'u32' },
  { no: 4, name: 'createdMs', type: 'ms', required: true },
  { no: 5, name: 'nonce', type: 'bytes', required: true, length: 16 },
  { no: 6, name: 'audience', type: 'string', required: true, maxBytes: 256 },
])

/** `weave.packet.v1.RequestContent` */
export interface RequestContent {
  readonly knownCheckpoint?: Uint8Array | undefined
  readonly chat: ChatRequest
}
export const RequestContent: Table<RequestContent> = /* @__PURE__ */ table('weave.packet.v1.RequestContent', [
  { no: 1, name: 'knownCheckpoint', type: 'bytes', maxBytes: 65536 },
  { no: 2, name: 'chat', type: 'message', required: true, message: () => ChatRequest },
])

/** `weave.packet.v1.ChatRequest` */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly sampling?: Sampling | undefined
  readonly tools: readonly Tool[]
  readonly responseSchema?: string | undefined
}
export const ChatRequest: Table<ChatRequest> = /* @__PURE__ */ table('weave.packet.v1.ChatRequest', [
  { no: 1, name: 'messages', type: 'message', required: true, repeated: true, maxItems: 4096, message: () => ChatMessage },
  { no: 2, name: 'sampling', type: 'message', message: () => Sampling },
  { no: 3, name: 'tools', type: 'message', repeated: true, maxItems: 128, message: () => Tool },
  { no: 4, name: 'responseSchema', type: 'string', maxBytes: 65536 },
])

/** `weave.packet.v1.Tool` */
export interface Tool {
  readonly name: string
  readonly description?: string | undefined
  readonly parameters?: string | undefined
}
export const Tool: Table<Tool> = /* @__PURE__ */ table('weave.packet.v1.Tool', [
  { no: 1, name: 'name', type: 'string', required: true, maxBytes: 128 },
  { no: 2, name: 'description', type: 'string', maxBytes: 4096 },
  { no: 3, name: 'parameters', type: 'string', maxBytes: 65536 },
])

/** `weave.packet.v1.ChatMessage` */
export interface ChatMessage {
  readonly role: string
  readonly content?: string | undefined
  readonly toolCalls: readonly ToolCall[]
  readonly toolCallId?: string | undefined
}
export const ChatMessage: Table<ChatMessage> = /* @__PURE__ */ table('weave.packet.v1.ChatMessage', [
  { no: 1, name: 'role', type: 'string', required: true, maxBytes: 16 },
  { no: 2, name: 'content', type: 'string' },
  { no: 3, name: 'toolCalls', type: 'message', repeated: true, maxItems: 128, message: () => ToolCall },
  { no: 4, name: 'toolCallId', type: 'string', maxBytes: 128 },
])

/** `weave.packet.v1.Sampling` */
export interface Sampling {
  readonly temperatureMicro?: number | undefined
  readonly topPMicro?: number | undefined
  readonly maxTokens?: number | undefined
  readonly stop: readonly string[]
  readonly seed?: bigint | undefined
}
export const Sampling: Table<Sampling> = /* @__PURE__ */ table('weave.packet.v1.Sampling', [
  { no: 1, name: 'temperatureMicro', type: 'u32', explicit: true },
  { no: 2, name: 'topPMicro', type: 'u32', explicit: true },
  { no: 3, name: 'maxTokens', type: 'u32', explicit: true },
  { no: 4, name: 'stop', type: 'string', repeated: true, maxBytes: 256, maxItems: 16 },
  { no: 5, name: 'seed', type: 'u64', explicit: true },
])

/** `weave.packet.v1.OpenContent` */
export interface OpenContent {
  readonly modelStatement: Uint8Array
  readonly knownCheckpoint?: Uint8Array | undefined
}
export const OpenContent: Table<OpenContent> = /* @__PURE__ */ table('weave.packet.v1.OpenContent', [
  { no: 1, name: 'modelStatement', type: 'bytes', required: true, maxBytes: 65536 },
  { no: 2, name: 'knownCheckpoint', type: 'bytes', maxBytes: 65536 },
])

/** `weave.packet.v1.CloseContent` */
export interface CloseContent {
  readonly stream?: Uint8Array | undefined
  readonly frames?: number | undefined
  readonly root: Uint8Array
  readonly answerCommitment: Uint8Array
  readonly usage?: Usage | undefined
  readonly error?: number | undefined
}
export const CloseContent: Table<CloseContent> = /* @__PURE__ */ table('weave.packet.v1.CloseContent', [
  { no: 1, name: 'stream', type: 'bytes', length: 32 },
  { no: 2, name: 'frames', type: 'u32' },
  { no: 3, name: 'root', type: 'bytes', required: true, length: 32 },
  { no: 4, name: 'answerCommitment', type: 'bytes', required: true, length: 32 },
  { no: 5, name: 'usage', type: 'message', message: () => Usage },
  { no: 6, name: 'error', type: 'u32' },
])

/** `weave.packet.v1.Usage` */
export interface Usage {
  readonly promptTokens?: number | undefined
  readonly completionTokens?: number | undefined
}
export const Usage: Table<Usage> = /* @__PURE__ */ table('weave.packet.v1.Usage', [
  { no: 1, name: 'promptTokens', type: 'u32' },
  { no: 2, name: 'completionTokens', type: 'u32' },
])

/** `weave.packet.v1.AnswerContent` */
export interface AnswerContent {
  readonly parts: readonly AnswerPart[]
}
export const AnswerContent: Table<AnswerContent> = /* @__PURE__ */ table('weave.packet.v1.AnswerContent', [
  { no: 1, name: 'parts', type: 'message', repeated: true, message: () => AnswerPart },
])

/** `weave.packet.v1.AnswerPart` */
export interface AnswerPart {
  readonly text?: string | undefined
  readonly toolCall?: ToolCall | undefined
}
export const AnswerPart: Table<AnswerPart> = /* @__PURE__ */ table('weave.packet.v1.AnswerPart', [
  { no: 1, name: 'text', type: 'string', oneof: 'part' },
  { no: 2, name: 'toolCall', type: 'message', oneof: 'part', message: () => ToolCall },
])

/** `weave.packet.v1.ToolCall` */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments?: string | undefined
}
export const ToolCall: Table<ToolCall> = /* @__PURE__ */ table('weave.packet.v1.ToolCall', [
  { no: 1, name: 'id', type: 'string', required: true, maxBytes: 128 },
  { no: 2, name: 'name', type: 'string', required: true, maxBytes: 128 },
  { no: 3, name: 'arguments', type: 'string' },
])

/** `weave.packet.v1.Frame` */
export interface Frame {
  readonly streamId: Uint8Array
  readonly i?: number | undefined
  readonly flags?: number | undefined
  readonly ct: Uint8Array
}
export const Frame: Table<Frame> = /* @__PURE__ */ table('weave.packet.v1.Frame', [
  { no: 1, name: 'streamId', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'i', type: 'u32' },
  { no: 3, name: 'flags', type: 'u32' },
  { no: 4, name: 'ct', type: 'bytes', required: true, maxBytes: 65472 },
])

/** `weave.packet.v1.StreamCheckpoint` */
export interface StreamCheckpoint {
  readonly network: Uint8Array
  readonly streamId: Uint8Array
  readonly size: number
  readonly root: Uint8Array
  readonly createdMs: number
}
export const StreamCheckpoint: Table<StreamCheckpoint> = /* @__PURE__ */ table('weave.packet.v1.StreamCheckpoint', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'streamId', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'size', type: 'u32', required: true },
  { no: 4, name: 'root', type: 'bytes', required: true, length: 32 },
  { no: 5, name: 'createdMs', type: 'ms', required: true },
])

/** `weave.log.v1.Receipt` */
export interface Receipt {
  readonly leaf: Uint8Array
  readonly addendum?: Uint8Array | undefined
  readonly index?: bigint | undefined
  readonly path: readonly Uint8Array[]
  readonly checkpoint: Uint8Array
}
export const Receipt: Table<Receipt> = /* @__PURE__ */ table('weave.log.v1.Receipt', [
  { no: 1, name: 'leaf', type: 'bytes', required: true, maxBytes: 512 },
  { no: 2, name: 'addendum', type: 'bytes', maxBytes: 4096 },
  { no: 3, name: 'index', type: 'u64' },
  { no: 4, name: 'path', type: 'bytes', repeated: true, length: 32, maxItems: 64 },
  { no: 5, name: 'checkpoint', type: 'bytes', required: true, maxBytes: 65536 },
])

/** `weave.log.v1.Addendum` */
export interface Addendum {
  readonly nonce: Uint8Array
  readonly sender?: Uint8Array | undefined
  readonly senderKey?: Uint8Array | undefined
  readonly epoch?: bigint | undefined
  readonly seq?: bigint | undefined
  readonly chainHead?: Uint8Array | undefined
  readonly recipients: readonly Uint8Array[]
  readonly decision?: Decision | undefined
}
export const Addendum: Table<Addendum> = /* @__PURE__ */ table('weave.log.v1.Addendum', [
  { no: 1, name: 'nonce', type: 'bytes', required: true, length: 16 },
  { no: 2, name: 'sender', type: 'bytes', length: 32 },
  { no: 3, name: 'senderKey', type: 'bytes', length: 32 },
  { no: 4, name: 'epoch', type: 'u64' },
  { no: 5, name: 'seq', type: 'u64' },
  { no: 6, name: 'chainHead', type: 'bytes', length: 32 },
  { no: 7, name: 'recipients', type: 'bytes', repeated: true, length: 32, maxItems: 8 },
  { no: 8, name: 'decision', type: 'message', message: () => Decision },
])

/** `weave.log.v1.Decision` */
export interface Decision {
  readonly tableVersion: bigint
  readonly rule: string
  readonly agent: Uint8Array
  readonly acceptByMs: number
}
export const Decision: Table<Decision> = /* @__PURE__ */ table('weave.log.v1.Decision', [
  { no: 1, name: 'tableVersion', type: 'u64', required: true },
  { no: 2, name: 'rule', type: 'string', required: true, maxBytes: 128 },
  { no: 3, name: 'agent', type: 'bytes', required: true, length: 32 },
  { no: 4, name: 'acceptByMs', type: 'ms', required: true },
])

/** `weave.log.v1.Notice` */
export interface Notice {
  readonly network: Uint8Array
  readonly packetId: Uint8Array
  readonly code: number
  readonly attempts: readonly FailedAttempt[]
  readonly createdMs: number
}
export const Notice: Table<Notice> = /* @__PURE__ */ table('weave.log.v1.Notice', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'packetId', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'code', type: 'u32', required: true },
  { no: 4, name: 'attempts', type: 'message', repeated: true, maxItems: 64, message: () => FailedAttempt },
  { no: 5, name: 'createdMs', type: 'ms', required: true },
])

/** `weave.log.v1.FailedAttempt` */
export interface FailedAttempt {
  readonly attempt: number
  readonly agent?: Uint8Array | undefined
  readonly code: number
  readonly reply?: Uint8Array | undefined
  readonly atMs: number
}
export const FailedAttempt: Table<FailedAttempt> = /* @__PURE__ */ table('weave.log.v1.FailedAttempt', [
  { no: 1, name: 'attempt', type: 'u32', required: true },
  { no: 2, name: 'agent', type: 'bytes', length: 32 },
  { no: 3, name: 'code', type: 'u32', required: true },
  { no: 4, name: 'reply', type: 'bytes', length: 32 },
  { no: 5, name: 'atMs', type: 'ms', required: true },
])

/** `weave.control.v1.KeyEvent` */
export interface KeyEvent {
  readonly network: Uint8Array
  readonly instance: Uint8Array
  readonly type: number
  readonly prev?: Uint8Array | undefined
  readonly delegation?: Uint8Array | undefined
  readonly rootKey?: Uint8Array | undefined
  readonly key?: Uint8Array | undefined
  readonly nextKeyHash?: Uint8Array | undefined
  readonly suite?: number | undefined
  readonly kemKey?: Uint8Array | undefined
  readonly deleteAfterMs?: number | undefined
  readonly createdMs: number
  readonly notAfterMs?: number | undefined
  readonly name?: string | undefined
  readonly tags: readonly string[]
}
export const KeyEvent: Table<KeyEvent> = /* @__PURE__ */ table('weave.control.v1.KeyEvent', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'instance', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'type', type: 'enum', required: true },
  { no: 4, name: 'prev', type: 'bytes', length: 32 },
  { no: 5, name: 'delegation', type: 'bytes', length: 32 },
  { no: 6, name: 'rootKey', type: 'bytes', length: 32 },
  { no: 7, name: 'key', type: 'bytes', length: 32 },
  { no: 8, name: 'nextKeyHash', type: 'bytes', length: 32 },
  { no: 9, name: 'suite', type: 'u32' },
  { no: 10, name: 'kemKey', type: 'bytes', maxBytes: 1216 },
  { no: 11, name: 'deleteAfterMs', type: 'ms' },
  { no: 12, name: 'createdMs', type: 'ms', required: true },
  { no: 13, name: 'notAfterMs', type: 'ms' },
  { no: 14, name: 'name', type: 'string', maxBytes: 128 },
  { no: 15, name: 'tags', type: 'string', repeated: true, maxBytes: 128, maxItems: 32 },
])

/** `weave.control.v1.SignedKeyEvent` */
export interface SignedKeyEvent {
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly possession?: Uint8Array | undefined
}
export const SignedKeyEvent: Table<SignedKeyEvent> = /* @__PURE__ */ table('weave.control.v1.SignedKeyEvent', [
  { no: 1, name: 'body', type: 'bytes', required: true, maxBytes: 8192 },
  { no: 2, name: 'signature', type: 'bytes', required: true, length: 64 },
  { no: 3, name: 'possession', type: 'bytes', length: 64 },
])

/** `weave.control.v1.LoggedKeyEvent` */
export interface LoggedKeyEvent {
  readonly event: SignedKeyEvent
  readonly receipt: Receipt
}
export const LoggedKeyEvent: Table<LoggedKeyEvent> = /* @__PURE__ */ table('weave.control.v1.LoggedKeyEvent', [
  { no: 1, name: 'event', type: 'message', required: true, message: () => SignedKeyEvent },
  { no: 2, name: 'receipt', type: 'message', required: true, message: () => Receipt },
])

/** `weave.control.v1.KeyChain` */
export interface KeyChain {
  readonly events: readonly LoggedKeyEvent[]
}
export const KeyChain: Table<KeyChain> = /* @__PURE__ */ table('weave.control.v1.KeyChain', [
  { no: 1, name: 'events', type: 'message', required: true, repeated: true, maxItems: 256, message: () => LoggedKeyEvent },
])

/** `weave.control.v1.RoutingTable` */
export interface RoutingTable {
  readonly network: Uint8Array
  readonly version: bigint
  readonly previous?: Uint8Array | undefined
  readonly rules: readonly Rule[]
  readonly notBeforeMs: number
  readonly expiresMs: number
  readonly createdMs: number
}
export const RoutingTable: Table<RoutingTable> = /* @__PURE__ */ table('weave.control.v1.RoutingTable', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'version', type: 'u64', required: true },
  { no: 3, name: 'previous', type: 'bytes', length: 32 },
  { no: 4, name: 'rules', type: 'message', repeated: true, maxItems: 1024, message: () => Rule },
  { no: 5, name: 'notBeforeMs', type: 'ms', required: true },
  { no: 6, name: 'expiresMs', type: 'ms', required: true },
  { no: 7, name: 'createdMs', type: 'ms', required: true },
])

/** `weave.control.v1.Rule` */
export interface Rule {
  readonly id: string
  readonly tag?: string | undefined
  readonly senders: readonly Uint8Array[]
  readonly priority?: number | undefined
  readonly deny?: boolean | undefined
  readonly candidates: readonly Candidate[]
  readonly limits?: Limits | undefined
}
export const Rule: Table<Rule> = /* @__PURE__ */ table('weave.control.v1.Rule', [
  { no: 1, name: 'id', type: 'string', required: true, maxBytes: 128 },
  { no: 2, name: 'tag', type: 'string', maxBytes: 128 },
  { no: 3, name: 'senders', type: 'bytes', repeated: true, length: 32, maxItems: 256 },
  { no: 4, name: 'priority', type: 'u32' },
  { no: 5, name: 'deny', type: 'bool' },
  { no: 6, name: 'candidates', type: 'message', repeated: true, maxItems: 8, message: () => Candidate },
  { no: 7, name: 'limits', type: 'message', message: () => Limits },
])

/** `weave.control.v1.Candidate` */
export interface Candidate {
  readonly instance: Uint8Array
  readonly weight?: number | undefined
}
export const Candidate: Table<Candidate> = /* @__PURE__ */ table('weave.control.v1.Candidate', [
  { no: 1, name: 'instance', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'weight', type: 'u32' },
])

/** `weave.control.v1.Limits` */
export interface Limits {
  readonly packetsPerMinute?: number | undefined
}
export const Limits: Table<Limits> = /* @__PURE__ */ table('weave.control.v1.Limits', [
  { no: 1, name: 'packetsPerMinute', type: 'u32' },
])

/** `weave.control.v1.Routes` */
export interface Routes {
  readonly routingTable: Uint8Array
  readonly receipt: Receipt
  readonly candidates: readonly KeyChain[]
}
export const Routes: Table<Routes> = /* @__PURE__ */ table('weave.control.v1.Routes', [
  { no: 1, name: 'routingTable', type: 'bytes', required: true, maxBytes: 262144 },
  { no: 2, name: 'receipt', type: 'message', required: true, message: () => Receipt },
  { no: 3, name: 'candidates', type: 'message', repeated: true, maxItems: 1024, message: () => KeyChain },
])

/** `weave.control.v1.KeyEvents` */
export interface KeyEvents {
  readonly events: readonly SignedKeyEvent[]
  readonly invite?: string | undefined
}
export const KeyEvents: Table<KeyEvents> = /* @__PURE__ */ table('weave.control.v1.KeyEvents', [
  { no: 1, name: 'events', type: 'message', required: true, repeated: true, maxItems: 16, message: () => SignedKeyEvent },
  { no: 2, name: 'invite', type: 'string', maxBytes: 256 },
])

/** `weave.control.v1.Receipts` */
export interface Receipts {
  readonly receipts: readonly Receipt[]
}
export const Receipts: Table<Receipts> = /* @__PURE__ */ table('weave.control.v1.Receipts', [
  { no: 1, name: 'receipts', type: 'message', repeated: true, maxItems: 16, message: () => Receipt },
])

/** `weave.model.v1.ModelStatement` */
export interface ModelStatement {
  readonly network: Uint8Array
  readonly agent: Uint8Array
  readonly name: string
  readonly fileDigest?: Uint8Array | undefined
  readonly fileBytes?: bigint | undefined
  readonly chatTemplateDigest?: Uint8Array | undefined
  readonly tokenizerDigest?: Uint8Array | undefined
  readonly architecture?: string | undefined
  readonly quantisation?: string | undefined
  readonly engine: string
  readonly runtime: string
  readonly runtimeDigest?: Uint8Array | undefined
  readonly contextTokens?: number | undefined
  readonly createdMs: number
  readonly registryEntry?: Uint8Array | undefined
  readonly authorization?: Uint8Array | undefined
}
export const ModelStatement: Table<ModelStatement> = /* @__PURE__ */ table('weave.model.v1.ModelStatement', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'agent', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'name', type: 'string', required: true, maxBytes: 256 },
  { no: 4, name: 'fileDigest', type: 'bytes', length: 32 },
  { no: 5, name: 'fileBytes', type: 'u64' },
  { no: 6, name: 'chatTemplateDigest', type: 'bytes', length: 32 },
  { no: 7, name: 'tokenizerDigest', type: 'bytes', length: 32 },
  { no: 8, name: 'architecture', type: 'string', maxBytes: 128 },
  { no: 9, name: 'quantisation', type: 'string', maxBytes: 128 },
  { no: 10, name: 'engine', type: 'string', required: true, maxBytes: 128 },
  { no: 11, name: 'runtime', type: 'string', required: true, maxBytes: 256 },
  { no: 12, name: 'runtimeDigest', type: 'bytes', length: 32 },
  { no: 13, name: 'contextTokens', type: 'u32' },
  { no: 14, name: 'createdMs', type: 'ms', required: true },
  { no: 15, name: 'registryEntry', type: 'bytes', length: 32 },
  { no: 16, name: 'authorization', type: 'bytes', length: 32 },
])

/** `weave.model.v1.RegistryEntry` */
export interface RegistryEntry {
  readonly network: Uint8Array
  readonly name: string
  readonly fileDigest: Uint8Array
  readonly fileBytes?: bigint | undefined
  readonly chatTemplateDigest?: Uint8Array | undefined
  readonly tokenizerDigest?: Uint8Array | undefined
  readonly architecture?: string | undefined
  readonly quantisation?: string | undefined
  readonly licence?: string | undefined
  readonly source?: string | undefined
  readonly createdMs: number
}
export const RegistryEntry: Table<RegistryEntry> = /* @__PURE__ */ table('weave.model.v1.RegistryEntry', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'name', type: 'string', required: true, maxBytes: 256 },
  { no: 3, name: 'fileDigest', type: 'bytes', required: true, length: 32 },
  { no: 4, name: 'fileBytes', type: 'u64' },
  { no: 5, name: 'chatTemplateDigest', type: 'bytes', length: 32 },
  { no: 6, name: 'tokenizerDigest', type: 'bytes', length: 32 },
  { no: 7, name: 'architecture', type: 'string', maxBytes: 128 },
  { no: 8, name: 'quantisation', type: 'string', maxBytes: 128 },
  { no: 9, name: 'licence', type: 'string', maxBytes: 128 },
  { no: 10, name: 'source', type: 'string', maxBytes: 1024 },
  { no: 11, name: 'createdMs', type: 'ms', required: true },
])

/** `weave.model.v1.Authorization` */
export interface Authorization {
  readonly network: Uint8Array
  readonly agent: Uint8Array
  readonly fileDigest: Uint8Array
  readonly chatTemplateDigest?: Uint8Array | undefined
  readonly maxContextTokens?: number | undefined
  readonly createdMs: number
  readonly expiresMs: number
}
export const Authorization: Table<Authorization> = /* @__PURE__ */ table('weave.model.v1.Authorization', [
  { no: 1, name: 'network', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'agent', type: 'bytes', required: true, length: 32 },
  { no: 3, name: 'fileDigest', type: 'bytes', required: true, length: 32 },
  { no: 4, name: 'chatTemplateDigest', type: 'bytes', length: 32 },
  { no: 5, name: 'maxContextTokens', type: 'u32' },
  { no: 6, name: 'createdMs', type: 'ms', required: true },
  { no: 7, name: 'expiresMs', type: 'ms', required: true },
])

/** `weave.packet.v1.SavedAnswer` */
export interface SavedAnswer {
  readonly version: number
  readonly request: SavedPacket
  readonly open?: SavedPacket | undefined
  readonly close?: SavedPacket | undefined
  readonly answer?: Opening | undefined
  readonly attempt?: Receipt | undefined
  readonly senderKeys?: KeyChain | undefined
  readonly agentKeys?: KeyChain | undefined
  readonly routingTable?: Uint8Array | undefined
  readonly routingTableReceipt?: Receipt | undefined
  readonly modelStatementReceipt?: Receipt | undefined
  readonly registryEntry?: Uint8Array | undefined
  readonly authorization?: Uint8Array | undefined
  readonly registryEntryReceipt?: Receipt | undefined
  readonly authorizationReceipt?: Receipt | undefined
}
export const SavedAnswer: Table<SavedAnswer> = /* @__PURE__ */ table('weave.packet.v1.SavedAnswer', [
  { no: 1, name: 'version', type: 'u32', required: true },
  { no: 2, name: 'request', type: 'message', required: true, message: () => SavedPacket },
  { no: 3, name: 'open', type: 'message', message: () => SavedPacket },
  { no: 4, name: 'close', type: 'message', message: () => SavedPacket },
  { no: 5, name: 'answer', type: 'message', message: () => Opening },
  { no: 6, name: 'attempt', type: 'message', message: () => Receipt },
  { no: 7, name: 'senderKeys', type: 'message', message: () => KeyChain },
  { no: 8, name: 'agentKeys', type: 'message', message: () => KeyChain },
  { no: 9, name: 'routingTable', type: 'bytes', maxBytes: 262144 },
  { no: 10, name: 'routingTableReceipt', type: 'message', message: () => Receipt },
  { no: 11, name: 'modelStatementReceipt', type: 'message', message: () => Receipt },
  { no: 12, name: 'registryEntry', type: 'bytes', maxBytes: 262144 },
  { no: 13, name: 'authorization', type: 'bytes', maxBytes: 262144 },
  { no: 14, name: 'registryEntryReceipt', type: 'message', message: () => Receipt },
  { no: 15, name: 'authorizationReceipt', type: 'message', message: () => Receipt },
])

/** `weave.packet.v1.SavedPacket` */
export interface SavedPacket {
  readonly header: Uint8Array
  readonly signature?: Uint8Array | undefined
  readonly batch?: BatchProof | undefined
  readonly receipt?: Receipt | undefined
  readonly opening?: Opening | undefined
}
export const SavedPacket: Table<SavedPacket> = /* @__PURE__ */ table('weave.packet.v1.SavedPacket', [
  { no: 1, name: 'header', type: 'bytes', required: true, maxBytes: 4000 },
  { no: 2, name: 'signature', type: 'bytes', oneof: 'origin', length: 64 },
  { no: 3, name: 'batch', type: 'message', oneof: 'origin', message: () => BatchProof },
  { no: 4, name: 'receipt', type: 'message', message: () => Receipt },
  { no: 5, name: 'opening', type: 'message', message: () => Opening },
])

/** `weave.packet.v1.Opening` */
export interface Opening {
  readonly salt: Uint8Array
  readonly content?: Uint8Array | undefined
}
export const Opening: Table<Opening> = /* @__PURE__ */ table('weave.packet.v1.Opening', [
  { no: 1, name: 'salt', type: 'bytes', required: true, length: 32 },
  { no: 2, name: 'content', type: 'bytes' },
])
