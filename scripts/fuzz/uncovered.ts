/** Readers that are exported and are no target of their own, each with its reason: `file function`. */
export const UNCOVERED: Readonly<Record<string, string>> = {
  'sdk/packet/seal.ts openingOf': 'reads nothing: it names the parts of a packet that we made',
  'sdk/keys/identity.ts openIdentity': 'takes seeds that identity-file has read',
  'sdk/proof/routing-table.ts verifyRoutingTable':
    'readSignedTable, of document, and verifyReceipt, of proof, in a row',
}
