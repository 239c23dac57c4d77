import data from 'conformance:data'
import * as sdk from '../sdk.ts'
import { run } from '../suite.ts'

process.exitCode = (await run(sdk, data, console.log)) === 0 ? 0 : 1
