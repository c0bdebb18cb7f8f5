import { brokerContract } from './broker.contract.ts'
import { inProcessBroker } from './in-process.ts'

brokerContract('the in-process broker', async () => inProcessBroker())
