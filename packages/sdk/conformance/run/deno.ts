import data from 'conformance:data'
import * as sdk from '../sdk.ts'
import { run } from '../suite.ts'

declare const Deno: { exit(code: number): never }
Deno.exit((await run(sdk, data, console.log)) === 0 ? 0 : 1)
