import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import { ProtocolError } from './bytes.ts'
import { PACKET, packetLength, toPackets } from './packets.ts'

const HANDSHAKE_LIMIT = 64 * 1024

/**
 * TLS as TDS 7.x does it: the handshake travels inside PRELOGIN packets, one message per flight, and what follows is bare
 * TLS on the same socket, from the first byte of the client that is not such a packet.
 */
export function tlsInsideTds(socket: Socket, secureContext: SecureContext): TLSSocket {
  let bare = false
  let pending: Buffer = Buffer.alloc(0)
  let received = 0
  let flight: Buffer[] = []

  const wire = new Duplex({
    read() {
      socket.resume()
    },
    write(chunk: Buffer, _encoding, callback) {
      if (bare) {
        socket.write(chunk, error => callback(error))
        return
      }
      if (flight.length === 0) setImmediate(sendFlight)
      flight.push(chunk)
      callback()
    },
    final(callback) {
      sendFlight()
      socket.end(callback)
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })

  // a client reads exactly one message for each that it sends, and a flight comes in several writes
  function sendFlight(): void {
    if (flight.length === 0) return
    const message = Buffer.concat(flight)
    flight = []
    if (!socket.destroyed) socket.write(toPackets(PACKET.prelogin, message))
  }

  function onHandshake(chunk: Buffer): void {
    received += chunk.length
    if (received > HANDSHAKE_LIMIT) throw new ProtocolError('the handshake is too long')
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length > 0) {
      if (pending[0] !== PACKET.prelogin) {
        sendFlight()
        bare = true
        wire.push(pending)
        pending = Buffer.alloc(0)
        return
      }
      if (pending.length < 4) return
      const length = packetLength(pending)
      if (pending.length < length) return
      wire.push(pending.subarray(8, length))
      pending = pending.subarray(length)
    }
  }

  socket.on('data', (chunk: Buffer) => {
    if (bare) {
      if (!wire.push(chunk)) socket.pause()
      return
    }
    try {
      onHandshake(chunk)
    } catch (error) {
      wire.destroy(error as Error)
    }
  })
  socket.on('end', () => wire.push(null))
  socket.on('error', error => wire.destroy(error))
  socket.on('close', () => wire.destroy())

  return new TLSSocket(wire, { isServer: true, secureContext })
}
