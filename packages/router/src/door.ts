/**
 * What the HTTP part of the router asks of its nexus. Two adapters: `nexus-door.ts` in the same process,
 * `adapters/nats-nexus.ts` over a broker. Both pass `door.contract.ts`.
 *
 * Whoever asks is not trusted: the nexus admits everything by itself, whatever an edge may have checked before.
 *
 * @module
 */

export interface NexusDoor {
  /**
   * Takes a REQUEST or a CANCEL in: admits, commits and queues.
   *
   * @param packet Attacker-controlled, at most 8 MiB.
   * @returns Exact bytes of the Receipt of its leaf; `known`: the packet was here before.
   * @throws {PacketError | RouterError} every code of docs/protocol.md §12; `ROUTER_UNREACHABLE`: the packet may have been
   *   taken in, and the same packet may be submitted again.
   */
  submit(packet: Uint8Array): Promise<{ readonly receipt: Uint8Array; readonly known: boolean }>
  /**
   * Opens an answer for whoever signed the fetch.
   *
   * @param packet Hex id of the request.
   * @param fetch SignedDocument of type answer-fetch, attacker-controlled.
   * @returns The bytes of docs/protocol.md §8.1, as slow as their reader. An error of the stream means that it was cut:
   *   it never ends well without record 0.
   */
  readAnswer(packet: string, fetch: Uint8Array): Promise<ReadableStream<Uint8Array>>
  /**
   * What is stored of a packet, for whoever signed the fetch, which is one for its answer.
   *
   * @returns The JSON document of docs/protocol.md §15, UTF-8. An error of the stream means that it was cut.
   */
  readPackets(packet: string, fetch: Uint8Array): Promise<ReadableStream<Uint8Array>>
  /** Exact bytes of `Routes`. @throws {RouterError} `NO_ROUTE` when no table is in force. */
  routes(): Promise<Uint8Array>
  /** Exact bytes of the `KeyChain` of an instance. @throws {RouterError} `NOT_FOUND`. */
  keys(instance: Uint8Array): Promise<Uint8Array>
  /** @param events Exact bytes of `KeyEvents`, attacker-controlled. @returns Exact bytes of `Receipts`. */
  enrol(events: Uint8Array): Promise<Uint8Array>
  /** @param path `checkpoint` or `tile/…`. @returns undefined for what the published log does not hold. */
  logFile(path: string): Promise<Uint8Array | undefined>
  /** Why a question would not be answered now; empty: it would. Never rejects. */
  missing(): Promise<readonly string[]>
}
