// The object storage of server 1: Debian's Swift in the place of "another S3", which the inventory allows.
import { createBuckets } from '../../src/storage/index.ts'
import { startSwift } from '../../test/servers/swift.ts'

const [folder = ''] = process.argv.slice(2)
const swift = await startSwift({ folder, host: '192.0.2.11', port: 9000 })
await createBuckets(swift)
const end = () => void swift.stop().then(() => process.exit(0))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
// Whoever keeps it running starts all of it again.
void swift.server.exited.then(() => process.exit(1))
