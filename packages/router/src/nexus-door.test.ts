import { doorContract } from './door.contract.ts'

doorContract('in this process', async ({ door }) => ({ door, close: async () => undefined }))
