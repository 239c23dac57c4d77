// Sends back what it gets, with the name of the end that should have it: a real channel for the contract of links.
let flushed: Promise<unknown> = Promise.resolve()
process.on('message', async ({ to, message }: { to: string; message: unknown }) => {
  if (to === 'end') {
    // What it still holds would be lost with its own channel.
    await flushed
    process.disconnect()
  } else flushed = new Promise((resolve) => process.send?.({ at: to, message }, undefined, undefined, resolve))
})
process.send?.('ready')
