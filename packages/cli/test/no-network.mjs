// Loaded into a child with --import: no name resolves, as on a machine without a network. Loopback needs no names.
import dns from 'node:dns'

dns.lookup = (...args) => args.at(-1)(Object.assign(new Error('no network'), { code: 'ENOTFOUND' }))
