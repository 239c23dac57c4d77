/** The example is a script: it says what it has to say. */
export async function run() {
  const said = []
  const { log } = console
  console.log = (...words) => said.push(words.join(' '))
  try {
    await import('./example-schemas.js')
  } finally {
    console.log = log
  }
  return said.join('\n')
}
