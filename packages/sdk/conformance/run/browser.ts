import data from 'conformance:data'
import * as sdk from '../sdk.ts'
import { run } from '../suite.ts'

const lines: string[] = []
/** Taken by the program that opened the page. */
Object.assign(globalThis, { conformance: run(sdk, data, (line) => lines.push(line)).then(() => lines) })
