// Generated from proto/ by generate/projection-table.ts. Do not edit.
import type { ProjectionRow } from '../projection.ts'

/** A packet in JSON: docs/protocol.md §15. */
export interface RetryProjection {
  readonly Max_Attempts: number
  readonly After_Open?: true | undefined
}
export interface RecipientKeysProjection {
  readonly Instance_ID: string
  readonly KEM_Key_ID: string
  readonly Encapsulated_Key?: string | undefined
  readonly Wrapped_Key: string
}
export interface BatchProofProjection {
  readonly Statement: string
  readonly Signature: string
  readonly Path?: readonly string[] | undefined
}
export interface PacketProjection {
  readonly Format_Version: 1
  readonly Cipher_Suite: 1 | 2
  readonly NLD_Directive_Type: 'REQUEST' | 'STREAM_OPEN' | 'STREAM_CLOSE' | 'ACK' | 'NACK' | 'CANCEL'
  readonly Network_ID: string
  readonly Source_Instance_ID: string
  readonly Source_Key: string
  readonly Target_Instance_NLD_Tag?: string | undefined
  readonly Target_Instance_ID?: string | undefined
  readonly Candidate_Instance_IDs?: readonly string[] | undefined
  readonly Timestamp_UTC: string
  readonly Expires_UTC: string
  readonly Nonce: string
  readonly Epoch: string
  readonly Sequence: string
  readonly Correlation_ID: string
  readonly In_Reply_To?: string | undefined
  readonly Attempt?: number | undefined
  readonly Response_Nonce?: string | undefined
  readonly Code?: number | undefined
  readonly Content_Commitment?: string | undefined
  readonly Padded_Size?: number | undefined
  readonly Routing_Table_Digest?: string | undefined
  readonly Retry?: RetryProjection | undefined
  readonly Session?: string | undefined
  readonly Priority?: 'INTERACTIVE' | 'BULK' | undefined
  readonly Prefix_Tag?: string | undefined
  readonly Supersedes?: string | undefined
  readonly Schema_Digest: string
  readonly Compatible_Format_Version: readonly number[]
  readonly Recipients_Hash?: string | undefined
  readonly Ciphertext_Hash?: string | undefined
  readonly Recipient_Keys?: readonly RecipientKeysProjection[] | undefined
  readonly Signature?: string | undefined
  readonly Batch_Proof?: BatchProofProjection | undefined
  /** The packet id. */
  readonly Transaction_Hash_ID: string
  /** The ciphertext in base64; empty in packets without one. */
  readonly Payload: string
}

export const PROJECTION: readonly ProjectionRow[] = [
  { field: 'version', name: 'Format_Version', as: 'u32', required: true, values: [1], most: 4294967295 },
  { field: 'suite', name: 'Cipher_Suite', as: 'u32', required: true, values: [1, 2], most: 4294967295 },
  { field: 'kind', name: 'NLD_Directive_Type', as: 'enum', required: true, names: {"REQUEST":1,"STREAM_OPEN":2,"STREAM_CLOSE":3,"ACK":4,"NACK":5,"CANCEL":6} },
  { field: 'network', name: 'Network_ID', as: 'hex', required: true, size: 32 },
  { field: 'sender', name: 'Source_Instance_ID', as: 'hex', required: true, size: 32 },
  { field: 'senderKey', name: 'Source_Key', as: 'hex', required: true, size: 32 },
  { field: 'targetTag', name: 'Target_Instance_NLD_Tag', as: 'tag', oneof: 'target', size: 128 },
  { field: 'targetInstance', name: 'Target_Instance_ID', as: 'hex', oneof: 'target', size: 32 },
  { field: 'recipients', name: 'Candidate_Instance_IDs', as: 'hex', list: true, size: 32, maxItems: 8, distinct: true },
  { field: 'createdMs', name: 'Timestamp_UTC', as: 'time', required: true },
  { field: 'expiresMs', name: 'Expires_UTC', as: 'time', required: true },
  { field: 'nonce', name: 'Nonce', as: 'hex', required: true, size: 16 },
  { field: 'epoch', name: 'Epoch', as: 'u64', required: true },
  { field: 'seq', name: 'Sequence', as: 'u64', required: true },
  { field: 'correlationId', name: 'Correlation_ID', as: 'hex', required: true, size: 16 },
  { field: 'inReplyTo', name: 'In_Reply_To', as: 'hex', size: 32 },
  { field: 'attempt', name: 'Attempt', as: 'u32', most: 4294967295 },
  { field: 'responseNonce', name: 'Response_Nonce', as: 'hex', size: 32 },
  { field: 'code', name: 'Code', as: 'u32', most: 4294967295 },
  { field: 'contentCommitment', name: 'Content_Commitment', as: 'hex', size: 32 },
  { field: 'paddedSize', name: 'Padded_Size', as: 'u32', values: [256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 3145728, 4194304, 5242880, 6291456, 7340032], most: 4294967295 },
  { field: 'tableDigest', name: 'Routing_Table_Digest', as: 'hex', size: 32 },
  { field: 'retry', name: 'Retry', as: 'message', rows: [
    { field: 'maxAttempts', name: 'Max_Attempts', as: 'u32', required: true, most: 8 },
    { field: 'afterOpen', name: 'After_Open', as: 'flag' },
  ] },
  { field: 'session', name: 'Session', as: 'hex', size: 32 },
  { field: 'priority', name: 'Priority', as: 'enum', names: {"INTERACTIVE":1,"BULK":2} },
  { field: 'prefixTag', name: 'Prefix_Tag', as: 'hex', size: 16 },
  { field: 'supersedes', name: 'Supersedes', as: 'hex', size: 32 },
  { field: 'schema', name: 'Schema_Digest', as: 'hex', required: true, size: 32 },
  { field: 'compatibleVersions', name: 'Compatible_Format_Version', as: 'u32', list: true, required: true, maxItems: 8, most: 4294967295, holds: 1 },
  { field: 'recipientsHash', name: 'Recipients_Hash', as: 'hex', size: 32 },
  { field: 'ciphertextHash', name: 'Ciphertext_Hash', as: 'hex', size: 32 },
  { field: 'recipientKeys', name: 'Recipient_Keys', as: 'message', list: true, maxItems: 8, rows: [
    { field: 'instanceId', name: 'Instance_ID', as: 'hex', required: true, size: 32 },
    { field: 'kemKeyId', name: 'KEM_Key_ID', as: 'hex', required: true, size: 32 },
    { field: 'enc', name: 'Encapsulated_Key', as: 'bytes', size: 1120 },
    { field: 'wrappedKey', name: 'Wrapped_Key', as: 'hex', required: true, size: 48 },
  ] },
  { field: 'signature', name: 'Signature', as: 'hex', oneof: 'origin', size: 64 },
  { field: 'batch', name: 'Batch_Proof', as: 'message', oneof: 'origin', rows: [
    { field: 'statement', name: 'Statement', as: 'bytes', required: true, size: 512 },
    { field: 'signature', name: 'Signature', as: 'hex', required: true, size: 64 },
    { field: 'path', name: 'Path', as: 'hex', list: true, size: 32, maxItems: 10 },
  ] },
]
