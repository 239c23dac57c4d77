import { defaultClientConditions } from 'vite'

// Only inside this repository: the SDK's sources instead of its build. A project of your own needs no configuration.
export default { resolve: { conditions: ['@mystranet/source', ...defaultClientConditions] } }
