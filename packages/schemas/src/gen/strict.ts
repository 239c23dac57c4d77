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
export const Packet: Table<Packet> = /* @__PURE__ */ table(
  'Packet',
  'header!:bytes recipients:bytes ciphertext:bytes signature:bytes=64|origin batch:message|origin delivery:bytes',
  () => BatchProof,
)

/** `weave.packet.v1.Header` */
export interface Header {
  readonly core: Uint8Array
  readonly recipientsHash?: Uint8Array | undefined
  readonly ciphertextHash?: Uint8Array | undefined
}
export const Header: Table<Header> = /* @__PURE__ */ table(
  'Header',
  'core!:bytes recipientsHash:bytes=32 ciphertextHash:bytes=32',
)

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
export const HeaderCore: Table<HeaderCore> = /* @__PURE__ */ table(
  'HeaderCore',
  'version!:u32 suite!:u32 kind!:enum network!:bytes=32 sender!:bytes=32 senderKey!:bytes=32 targetTag:string<128|target targetInstance:bytes=32|target recipients:bytes=32[8] createdMs!:ms expiresMs!:ms nonce!:bytes=16 epoch!:u64 seq!:u64 correlationId!:bytes=16 inReplyTo:bytes=32 attempt:u32 responseNonce:bytes=32 code:u32 contentCommitment:bytes=32 paddedSize:u32 tableDigest:bytes=32 retry:message session:bytes=32 priority:enum prefixTag:bytes=16 supersedes:bytes=32 schema!:bytes=32 compatibleVersions!:u32[8]',
  () => Retry,
)

/** `weave.packet.v1.Retry` */
export interface Retry {
  readonly maxAttempts: number
  readonly afterOpen?: boolean | undefined
}
export const Retry: Table<Retry> = /* @__PURE__ */ table(
  'Retry',
  'maxAttempts!:u32 afterOpen:bool',
)

/** `weave.packet.v1.Recipients` */
export interface Recipients {
  readonly recipients: readonly Recipient[]
}
export const Recipients: Table<Recipients> = /* @__PURE__ */ table(
  'Recipients',
  'recipients!:message[8]',
  () => Recipient,
)

/** `weave.packet.v1.Recipient` */
export interface Recipient {
  readonly instanceId: Uint8Array
  readonly kemKeyId: Uint8Array
  readonly enc?: Uint8Array | undefined
  readonly wrappedKey: Uint8Array
}
export const Recipient: Table<Recipient> = /* @__PURE__ */ table(
  'Recipient',
  'instanceId!:bytes=32 kemKeyId!:bytes=32 enc:bytes<1120 wrappedKey!:bytes=48',
)

/** `weave.packet.v1.BatchProof` */
export interface BatchProof {
  readonly statement: Uint8Array
  readonly signature: Uint8Array
  readonly path: readonly Uint8Array[]
}
export const BatchProof: Table<BatchProof> = /* @__PURE__ */ table(
  'BatchProof',
  'statement!:bytes<512 signature!:bytes=64 path:bytes=32[10]',
)

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
export const BatchRoot: Table<BatchRoot> = /* @__PURE__ */ table(
  'BatchRoot',
  'network!:bytes=32 senderKey!:bytes=32 epoch!:u64 firstSeq!:u64 size!:u32 root!:bytes=32 createdMs!:ms',
)

/** `weave.packet.v1.Delivery` */
export interface Delivery {
  readonly requestReceipt?: Uint8Array | undefined
  readonly attemptReceipt?: Uint8Array | undefined
  readonly senderKeys: Uint8Array
}
export const Delivery: Table<Delivery> = /* @__PURE__ */ table(
  'Delivery',
  'requestReceipt:bytes<16384 attemptReceipt:bytes<16384 senderKeys!:bytes<262144',
)

/** `weave.packet.v1.SignedDocument` */
export interface SignedDocument {
  readonly body: Uint8Array
  readonly key: Uint8Array
  readonly signature: Uint8Array
}
export const SignedDocument: Table<SignedDocument> = /* @__PURE__ */ table(
  'SignedDocument',
  'body!:bytes<262144 key!:bytes=32 signature!:bytes=64',
)

/** `weave.packet.v1.AnswerFetch` */
export interface AnswerFetch {
  readonly network: Uint8Array
  readonly packetId: Uint8Array
  readonly from?: number | undefined
  readonly createdMs: number
  readonly nonce: Uint8Array
  readonly audience: string
}
export const AnswerFetch: Table<AnswerFetch> = /* @__PURE__ */ table(
  'AnswerFetch',
  'network!:bytes=32 packetId!:bytes=32 from:u32 createdMs!:ms nonce!:bytes=16 audience!:string<256',
)

/** `weave.packet.v1.RequestContent` */
export interface RequestContent {
  readonly knownCheckpoint?: Uint8Array | undefined
  readonly chat: ChatRequest
}
export const RequestContent: Table<RequestContent> = /* @__PURE__ */ table(
  'RequestContent',
  'knownCheckpoint:bytes<65536 chat!:message',
  () => ChatRequest,
)

/** `weave.packet.v1.ChatRequest` */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly sampling?: Sampling | undefined
  readonly tools: readonly Tool[]
  readonly responseSchema?: string | undefined
}
export const ChatRequest: Table<ChatRequest> = /* @__PURE__ */ table(
  'ChatRequest',
  'messages!:message[4096] sampling:message tools:message[128] responseSchema:string<65536',
  () => ChatMessage,
  () => Sampling,
  () => Tool,
)

/** `weave.packet.v1.Tool` */
export interface Tool {
  readonly name: string
  readonly description?: string | undefined
  readonly parameters?: string | undefined
}
export const Tool: Table<Tool> = /* @__PURE__ */ table(
  'Tool',
  'name!:string<128 description:string<4096 parameters:string<65536',
)

/** `weave.packet.v1.ChatMessage` */
export interface ChatMessage {
  readonly role: string
  readonly content?: string | undefined
  readonly toolCalls: readonly ToolCall[]
  readonly toolCallId?: string | undefined
}
export const ChatMessage: Table<ChatMessage> = /* @__PURE__ */ table(
  'ChatMessage',
  'role!:string<16 content:string toolCalls:message[128] toolCallId:string<128',
  () => ToolCall,
)

/** `weave.packet.v1.Sampling` */
export interface Sampling {
  readonly temperatureMicro?: number | undefined
  readonly topPMicro?: number | undefined
  readonly maxTokens?: number | undefined
  readonly stop: readonly string[]
  readonly seed?: bigint | undefined
}
export const Sampling: Table<Sampling> = /* @__PURE__ */ table(
  'Sampling',
  'temperatureMicro?:u32 topPMicro?:u32 maxTokens?:u32 stop:string<256[16] seed?:u64',
)

/** `weave.packet.v1.OpenContent` */
export interface OpenContent {
  readonly modelStatement: Uint8Array
  readonly knownCheckpoint?: Uint8Array | undefined
}
export const OpenContent: Table<OpenContent> = /* @__PURE__ */ table(
  'OpenContent',
  'modelStatement!:bytes<65536 knownCheckpoint:bytes<65536',
)

/** `weave.packet.v1.CloseContent` */
export interface CloseContent {
  readonly stream?: Uint8Array | undefined
  readonly frames?: number | undefined
  readonly root: Uint8Array
  readonly answerCommitment: Uint8Array
  readonly usage?: Usage | undefined
  readonly error?: number | undefined
}
export const CloseContent: Table<CloseContent> = /* @__PURE__ */ table(
  'CloseContent',
  'stream:bytes=32 frames:u32 root!:bytes=32 answerCommitment!:bytes=32 usage:message error:u32',
  () => Usage,
)

/** `weave.packet.v1.Usage` */
export interface Usage {
  readonly promptTokens?: number | undefined
  readonly completionTokens?: number | undefined
}
export const Usage: Table<Usage> = /* @__PURE__ */ table(
  'Usage',
  'promptTokens:u32 completionTokens:u32',
)

/** `weave.packet.v1.AnswerContent` */
export interface AnswerContent {
  readonly parts: readonly AnswerPart[]
}
export const AnswerContent: Table<AnswerContent> = /* @__PURE__ */ table(
  'AnswerContent',
  'parts:message[]',
  () => AnswerPart,
)

/** `weave.packet.v1.AnswerPart` */
export interface AnswerPart {
  readonly text?: string | undefined
  readonly toolCall?: ToolCall | undefined
}
export const AnswerPart: Table<AnswerPart> = /* @__PURE__ */ table(
  'AnswerPart',
  'text:string|part toolCall:message|part',
  () => ToolCall,
)

/** `weave.packet.v1.ToolCall` */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments?: string | undefined
}
export const ToolCall: Table<ToolCall> = /* @__PURE__ */ table(
  'ToolCall',
  'id!:string<128 name!:string<128 arguments:string',
)

/** `weave.packet.v1.Frame` */
export interface Frame {
  readonly streamId: Uint8Array
  readonly i?: number | undefined
  readonly flags?: number | undefined
  readonly ct: Uint8Array
}
export const Frame: Table<Frame> = /* @__PURE__ */ table(
  'Frame',
  'streamId!:bytes=32 i:u32 flags:u32 ct!:bytes<65472',
)

/** `weave.packet.v1.StreamCheckpoint` */
export interface StreamCheckpoint {
  readonly network: Uint8Array
  readonly streamId: Uint8Array
  readonly size: number
  readonly root: Uint8Array
  readonly createdMs: number
}
export const StreamCheckpoint: Table<StreamCheckpoint> = /* @__PURE__ */ table(
  'StreamCheckpoint',
  'network!:bytes=32 streamId!:bytes=32 size!:u32 root!:bytes=32 createdMs!:ms',
)

/** `weave.log.v1.Receipt` */
export interface Receipt {
  readonly leaf: Uint8Array
  readonly addendum?: Uint8Array | undefined
  readonly index?: bigint | undefined
  readonly path: readonly Uint8Array[]
  readonly checkpoint: Uint8Array
}
export const Receipt: Table<Receipt> = /* @__PURE__ */ table(
  'Receipt',
  'leaf!:bytes<512 addendum:bytes<4096 index:u64 path:bytes=32[64] checkpoint!:bytes<65536',
)

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
export const Addendum: Table<Addendum> = /* @__PURE__ */ table(
  'Addendum',
  'nonce!:bytes=16 sender:bytes=32 senderKey:bytes=32 epoch:u64 seq:u64 chainHead:bytes=32 recipients:bytes=32[8] decision:message',
  () => Decision,
)

/** `weave.log.v1.Decision` */
export interface Decision {
  readonly tableVersion: bigint
  readonly rule: string
  readonly agent: Uint8Array
  readonly acceptByMs: number
}
export const Decision: Table<Decision> = /* @__PURE__ */ table(
  'Decision',
  'tableVersion!:u64 rule!:string<128 agent!:bytes=32 acceptByMs!:ms',
)

/** `weave.log.v1.Notice` */
export interface Notice {
  readonly network: Uint8Array
  readonly packetId: Uint8Array
  readonly code: number
  readonly attempts: readonly FailedAttempt[]
  readonly createdMs: number
}
export const Notice: Table<Notice> = /* @__PURE__ */ table(
  'Notice',
  'network!:bytes=32 packetId!:bytes=32 code!:u32 attempts:message[64] createdMs!:ms',
  () => FailedAttempt,
)

/** `weave.log.v1.FailedAttempt` */
export interface FailedAttempt {
  readonly attempt: number
  readonly agent?: Uint8Array | undefined
  readonly code: number
  readonly reply?: Uint8Array | undefined
  readonly atMs: number
}
export const FailedAttempt: Table<FailedAttempt> = /* @__PURE__ */ table(
  'FailedAttempt',
  'attempt!:u32 agent:bytes=32 code!:u32 reply:bytes=32 atMs!:ms',
)

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
export const KeyEvent: Table<KeyEvent> = /* @__PURE__ */ table(
  'KeyEvent',
  'network!:bytes=32 instance!:bytes=32 type!:enum prev:bytes=32 delegation:bytes=32 rootKey:bytes=32 key:bytes=32 nextKeyHash:bytes=32 suite:u32 kemKey:bytes<1216 deleteAfterMs:ms createdMs!:ms notAfterMs:ms name:string<128 tags:string<128[32]',
)

/** `weave.control.v1.SignedKeyEvent` */
export interface SignedKeyEvent {
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly possession?: Uint8Array | undefined
}
export const SignedKeyEvent: Table<SignedKeyEvent> = /* @__PURE__ */ table(
  'SignedKeyEvent',
  'body!:bytes<8192 signature!:bytes=64 possession:bytes=64',
)

/** `weave.control.v1.LoggedKeyEvent` */
export interface LoggedKeyEvent {
  readonly event: SignedKeyEvent
  readonly receipt: Receipt
}
export const LoggedKeyEvent: Table<LoggedKeyEvent> = /* @__PURE__ */ table(
  'LoggedKeyEvent',
  'event!:message receipt!:message',
  () => SignedKeyEvent,
  () => Receipt,
)

/** `weave.control.v1.KeyChain` */
export interface KeyChain {
  readonly events: readonly LoggedKeyEvent[]
}
export const KeyChain: Table<KeyChain> = /* @__PURE__ */ table(
  'KeyChain',
  'events!:message[256]',
  () => LoggedKeyEvent,
)

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
export const RoutingTable: Table<RoutingTable> = /* @__PURE__ */ table(
  'RoutingTable',
  'network!:bytes=32 version!:u64 previous:bytes=32 rules:message[1024] notBeforeMs!:ms expiresMs!:ms createdMs!:ms',
  () => Rule,
)

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
export const Rule: Table<Rule> = /* @__PURE__ */ table(
  'Rule',
  'id!:string<128 tag:string<128 senders:bytes=32[256] priority:u32 deny:bool candidates:message[8] limits:message',
  () => Candidate,
  () => Limits,
)

/** `weave.control.v1.Candidate` */
export interface Candidate {
  readonly instance: Uint8Array
  readonly weight?: number | undefined
}
export const Candidate: Table<Candidate> = /* @__PURE__ */ table(
  'Candidate',
  'instance!:bytes=32 weight:u32',
)

/** `weave.control.v1.Limits` */
export interface Limits {
  readonly packetsPerMinute?: number | undefined
}
export const Limits: Table<Limits> = /* @__PURE__ */ table(
  'Limits',
  'packetsPerMinute:u32',
)

/** `weave.control.v1.Routes` */
export interface Routes {
  readonly routingTable: Uint8Array
  readonly receipt: Receipt
  readonly candidates: readonly KeyChain[]
}
export const Routes: Table<Routes> = /* @__PURE__ */ table(
  'Routes',
  'routingTable!:bytes<262144 receipt!:message candidates:message[1024]',
  () => Receipt,
  () => KeyChain,
)

/** `weave.control.v1.KeyEvents` */
export interface KeyEvents {
  readonly events: readonly SignedKeyEvent[]
  readonly invite?: string | undefined
}
export const KeyEvents: Table<KeyEvents> = /* @__PURE__ */ table(
  'KeyEvents',
  'events!:message[16] invite:string<256',
  () => SignedKeyEvent,
)

/** `weave.control.v1.Receipts` */
export interface Receipts {
  readonly receipts: readonly Receipt[]
}
export const Receipts: Table<Receipts> = /* @__PURE__ */ table(
  'Receipts',
  'receipts:message[16]',
  () => Receipt,
)

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
  readonly scan?: string | undefined
}
export const ModelStatement: Table<ModelStatement> = /* @__PURE__ */ table(
  'ModelStatement',
  'network!:bytes=32 agent!:bytes=32 name!:string<256 fileDigest:bytes=32 fileBytes:u64 chatTemplateDigest:bytes=32 tokenizerDigest:bytes=32 architecture:string<128 quantisation:string<128 engine!:string<128 runtime!:string<256 runtimeDigest:bytes=32 contextTokens:u32 createdMs!:ms registryEntry:bytes=32 authorization:bytes=32 scan:string<256',
)

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
export const RegistryEntry: Table<RegistryEntry> = /* @__PURE__ */ table(
  'RegistryEntry',
  'network!:bytes=32 name!:string<256 fileDigest!:bytes=32 fileBytes:u64 chatTemplateDigest:bytes=32 tokenizerDigest:bytes=32 architecture:string<128 quantisation:string<128 licence:string<128 source:string<1024 createdMs!:ms',
)

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
export const Authorization: Table<Authorization> = /* @__PURE__ */ table(
  'Authorization',
  'network!:bytes=32 agent!:bytes=32 fileDigest!:bytes=32 chatTemplateDigest:bytes=32 maxContextTokens:u32 createdMs!:ms expiresMs!:ms',
)

/** `weave.model.v1.ModelEvaluation` */
export interface ModelEvaluation {
  readonly network?: Uint8Array | undefined
  readonly evaluator: Uint8Array
  readonly model: string
  readonly fileDigest: Uint8Array
  readonly chatTemplateDigest?: Uint8Array | undefined
  readonly engine: string
  readonly runtime: string
  readonly runtimeDigest?: Uint8Array | undefined
  readonly sandbox: string
  readonly battery: Uint8Array
  readonly seed?: number | undefined
  readonly maxTokens: number
  readonly families: readonly FamilyResult[]
  readonly createdMs: number
}
export const ModelEvaluation: Table<ModelEvaluation> = /* @__PURE__ */ table(
  'ModelEvaluation',
  'network:bytes=32 evaluator!:bytes=32 model!:string<256 fileDigest!:bytes=32 chatTemplateDigest:bytes=32 engine!:string<128 runtime!:string<256 runtimeDigest:bytes=32 sandbox!:string<128 battery!:bytes=32 seed:u32 maxTokens!:u32 families:message[64] createdMs!:ms',
  () => FamilyResult,
)

/** `weave.model.v1.FamilyResult` */
export interface FamilyResult {
  readonly family: string
  readonly source: string
  readonly prompts: number
  readonly judged?: number | undefined
  readonly hits?: number | undefined
  readonly lowPpm?: number | undefined
  readonly highPpm?: number | undefined
}
export const FamilyResult: Table<FamilyResult> = /* @__PURE__ */ table(
  'FamilyResult',
  'family!:string<64 source!:string<64 prompts!:u32 judged:u32 hits:u32 lowPpm:u32 highPpm:u32',
)

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
export const SavedAnswer: Table<SavedAnswer> = /* @__PURE__ */ table(
  'SavedAnswer',
  'version!:u32 request!:message open:message close:message answer:message attempt:message senderKeys:message agentKeys:message routingTable:bytes<262144 routingTableReceipt:message modelStatementReceipt:message registryEntry:bytes<262144 authorization:bytes<262144 registryEntryReceipt:message authorizationReceipt:message',
  () => SavedPacket,
  () => SavedPacket,
  () => SavedPacket,
  () => Opening,
  () => Receipt,
  () => KeyChain,
  () => KeyChain,
  () => Receipt,
  () => Receipt,
  () => Receipt,
  () => Receipt,
)

/** `weave.packet.v1.SavedPacket` */
export interface SavedPacket {
  readonly header: Uint8Array
  readonly signature?: Uint8Array | undefined
  readonly batch?: BatchProof | undefined
  readonly receipt?: Receipt | undefined
  readonly opening?: Opening | undefined
}
export const SavedPacket: Table<SavedPacket> = /* @__PURE__ */ table(
  'SavedPacket',
  'header!:bytes<4000 signature:bytes=64|origin batch:message|origin receipt:message opening:message',
  () => BatchProof,
  () => Receipt,
  () => Opening,
)

/** `weave.packet.v1.Opening` */
export interface Opening {
  readonly salt: Uint8Array
  readonly content?: Uint8Array | undefined
}
export const Opening: Table<Opening> = /* @__PURE__ */ table(
  'Opening',
  'salt!:bytes=32 content:bytes',
)
