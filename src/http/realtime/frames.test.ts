import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { textFrame } from './frames.ts'

it('a frame of any length is understood, in its order among those that the library writes', async () => {
  const lengths = [0, 1, 125, 126, 65_535, 65_536, 300_000]
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, ws => {
      for (const length of lengths) {
        socket.write(textFrame(Buffer.from('é'.repeat(length / 2).padEnd(length / 2 + (length % 2), '.'))))
        ws.send(`after ${length}`)
      }
    }),
  )
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const heard: string[] = []
  client.on('message', data => {
    const text = data.toString()
    heard.push(text.startsWith('after') ? text : `${Buffer.byteLength(text)} bytes`)
  })
  await expect
    .poll(() => heard, { timeout: 5_000 })
    .toEqual(lengths.flatMap(length => [`${length} bytes`, `after ${length}`]))
  client.terminate()
  await new Promise(done => server.close(done))
})
