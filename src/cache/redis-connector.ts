import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { AbstractConnector } from 'ioredis'

interface Address {
  host?: string
  port?: number
  tls?: ConnectionOptions
  disconnectTimeout?: number
}

/**
 * How ioredis connects, but for one thing: its own connector hears an error of a socket once, and TLS may have another
 * to tell when it is hung up on in the middle of a handshake, which would end the process.
 */
export class RedisConnector extends AbstractConnector {
  readonly #address: Address

  constructor(options: unknown) {
    const address = options as Address
    super(address.disconnectTimeout ?? 2_000)
    this.#address = address
  }

  connect(): Promise<Socket> {
    const { host, port, tls } = this.#address
    this.connecting = true
    const to = { host, port } as NetConnectOpts
    const socket = tls ? connectTls({ ...to, ...tls } as ConnectionOptions) : connect(to)
    socket.on('error', error => {
      this.firstError ??= error
    })
    this.stream = socket
    return Promise.resolve(socket)
  }
}
