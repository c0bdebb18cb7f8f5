import { promisesOfFanout } from './fanout.contract.ts'
import { inProcessFanout } from './index.ts'

promisesOfFanout('the fan-out of one process', async () => {
  const errors: unknown[] = []
  return { fanout: inProcessFanout(error => void errors.push(error)), errors, close: async () => undefined }
})
