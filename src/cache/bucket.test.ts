import { promisesOfBucket } from './bucket.contract.ts'
import { inProcessBucket } from './index.ts'

promisesOfBucket('a bucket of one process', inProcessBucket)
