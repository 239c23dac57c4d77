import data from 'conformance:data'
import * as sdk from '../sdk.ts'
import { run } from '../suite.ts'

export default {
  async test() {
    if ((await run(sdk, data, console.log)) !== 0) throw new Error('conformance failed')
  },
}
