// The peer: bare node:http that answers everything with the same bytes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerParent } from '../lib/child.ts'

export interface Answered {
  status: number
  contentType: string
  body: string
}

answerParent<Answered, { port: number }>(async ({ status, contentType, body }) => {
  // Bytes rather than text: no text has to be encoded again for each answer.
  const bytes = Buffer.from(body)
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': contentType, 'content-length': bytes.length })
    response.end(bytes)
  })
  server.keepAliveTimeout = 75_000
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return { ready: { port: (server.address() as AddressInfo).port } }
})
