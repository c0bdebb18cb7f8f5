// Thousands who ask for the same thing at the same moment.
import { answerParent } from '../lib/child.ts'
import { type Connection, openConnection } from '../lib/connection.ts'

export interface Burst {
  /** From the first question to the last answer. */
  ms: number
  failed: number
}

interface Data {
  port: number
  request: string
  connections: number
}

const AT_ONCE = 200

answerParent<Data, object>(async ({ port, request, connections }) => {
  const open: Connection[] = []
  while (open.length < connections) {
    const few = Math.min(AT_ONCE, connections - open.length)
    open.push(...(await Promise.all(Array.from({ length: few }, () => openConnection(port)))))
  }
  const bytes = Buffer.from(request)
  return {
    ready: {},
    async answer(): Promise<Burst> {
      const startedAt = performance.now()
      let failed = 0
      await Promise.all(
        open.map(
          connection =>
            new Promise<void>(done =>
              connection.send(bytes, status => {
                if (status !== 200) failed++
                done()
              }),
            ),
        ),
      )
      return { ms: performance.now() - startedAt, failed }
    },
    async stop() {
      for (const connection of open) connection.close()
    },
  }
})
