/** The example is a script, or nothing but the import. */
export async function run() {
  await import('./example-detector.js')
  return 'loaded'
}
