// For `node --import`: a clock that is ahead by the milliseconds in the file LATER_CLOCK, whenever they change.
import { readFileSync } from 'node:fs'

const real = Date.now
let ahead = 0
const look = () => {
  try {
    ahead = Number(readFileSync(process.env.LATER_CLOCK, 'utf8')) || 0
  } catch {
    // Not there yet: the clock is right.
  }
}
look()
setInterval(look, 50).unref()
Date.now = () => real() + ahead
