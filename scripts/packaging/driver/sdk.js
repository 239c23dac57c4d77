import { askHouse } from './example-sdk.js'

/** @param {{ router: string, trust: string, invite: string }} house the trust file in base64 */
export async function run({ router, trust, invite }) {
  const { log } = console
  console.log = () => {}
  try {
    return await askHouse(
      router,
      Uint8Array.from(atob(trust), (char) => char.charCodeAt(0)),
      invite,
    )
  } finally {
    console.log = log
  }
}
