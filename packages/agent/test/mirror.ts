// Sends back what it gets, with the name of the end that should have it: a real channel for the contract of links.
process.on('message', ({ to, message }: { to: string; message: unknown }) => {
  if (to === 'end') process.disconnect()
  else process.send?.({ at: to, message })
})
process.send?.('ready')
