/** The company's databases of the simulated world, over the protocol of SQL Server. */
export { startPostpaid } from './postpaid.ts'
export { startTdsServer } from './server.ts'
export { startSic } from './sic.ts'
export type { Behaviour, TdsServer, TdsServerOptions } from './types.ts'
