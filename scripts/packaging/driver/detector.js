/** Its README has no example: it is loaded. */
export async function run() {
  return typeof (await import('@mystranet/detector'))
}
