// Generated from json/packet.v1.schema.json by generate/json-schema.ts. Do not edit.

/** SHA-256 of the bytes of `json/packet.v1.schema.json`, in lowercase hex. */
export const SCHEMA_DIGEST_V1_HEX = 'f4e76d762e22b9dc14858f8d1526d575181437b66ae0f81868a7698f662a041a'

/** The same as bytes: the `schema` of every core of version 1. */
export const SCHEMA_DIGEST_V1: Uint8Array<ArrayBuffer> = /* @__PURE__ */ Uint8Array.of(
  244, 231, 109, 118, 46, 34, 185, 220, 20, 133, 143, 141, 21, 38, 213, 117, 24, 20, 55, 182, 106, 224, 248, 24, 104, 167, 105, 143, 102, 42, 4, 26,
)
