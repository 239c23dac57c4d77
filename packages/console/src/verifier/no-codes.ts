/**
 * Stands in the verifier's file for the table of refusals: what to do about a refused packet is for those who send
 * packets. Saves a kilobyte.
 *
 * @module
 */
export const CONSEQUENCES = {}
export const CODES = {}
export const codeOfWire = (): undefined => undefined
