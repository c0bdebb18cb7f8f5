import { inProcessLimiter } from './index.ts'
import { promisesOfLimiter } from './limiter.contract.ts'

promisesOfLimiter('an allowance of one process', inProcessLimiter, 300)
