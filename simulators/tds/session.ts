import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { createAnswering, errorAnswer } from './answering.ts'
import { type Output, outputOf, ProtocolError, written } from './bytes.ts'
import { ENCRYPTION, preloginAnswer, readLogin, readPrelogin } from './login.ts'
import { createMessageReader, type Message, PACKET, toPackets } from './packets.ts'
import { readBatch, readCall } from './requests.ts'
import { tlsInsideTds } from './tls.ts'
import { putAttentionDone, putDatabaseChange, putEnd, putError, putFailed, putLoginAck } from './tokens.ts'
import type { Behaviour, ResultSet, SqlError, SqlRequest } from './types.ts'

const MESSAGE_LIMIT = 256 * 1024
const SIGN_IN_LIMIT_MS = 15_000

export interface Host {
  secureContext: SecureContext | null
  user: string
  password: string
  database: string
  behaviour: () => Behaviour
  /** Hears of each statement as it arrives. */
  onStatement: () => void
  answer: (request: SqlRequest) => ResultSet | SqlError
}

/** One client: prelogin, TLS, login, then one request at a time until it leaves. A broken protocol ends it, quietly. */
export function serveClient(socket: Socket, host: Host): void {
  let handle = onPrelogin
  let stream: Duplex = socket
  let database = host.database

  const answering = createAnswering(host, send)
  const read = createMessageReader(MESSAGE_LIMIT, message => {
    if (host.behaviour().mode !== 'hang') handle(message)
  })
  const tooLate = setTimeout(() => socket.destroy(), SIGN_IN_LIMIT_MS)
  socket.setNoDelay(true)
  socket.on('close', () => {
    clearTimeout(tooLate)
    answering.giveUp()
  })
  listen(socket)

  function listen(to: Duplex): void {
    to.on('data', onData)
    // a client that breaks off is its own affair: the socket closes and that is all there is to do
    to.on('error', () => socket.destroy())
  }

  function onData(chunk: Buffer): void {
    try {
      read(chunk)
    } catch {
      // whatever bytes a client sends, the worst that they do is end its connection
      socket.destroy()
    }
  }

  function send(payload: Buffer, last = true): void {
    if (!stream.destroyed && stream.writable) stream.write(toPackets(PACKET.answer, payload, last))
  }

  function reply(put: (out: Output) => void): void {
    const out = outputOf()
    put(out)
    send(written(out))
  }

  function onPrelogin(message: Message): void {
    if (message.type !== PACKET.prelogin) throw new ProtocolError('a prelogin comes first')
    const proposed = readPrelogin(message.payload)
    handle = onLogin
    if (!host.secureContext) {
      send(preloginAnswer(ENCRYPTION.notSupported))
    } else if (proposed === ENCRYPTION.notSupported) {
      send(preloginAnswer(ENCRYPTION.required))
      socket.end()
    } else {
      send(preloginAnswer(ENCRYPTION.on))
      socket.off('data', onData)
      stream = tlsInsideTds(socket, host.secureContext)
      listen(stream)
    }
  }

  function onLogin(message: Message): void {
    if (message.type !== PACKET.login) throw new ProtocolError('a login comes second')
    const login = readLogin(message.payload)
    clearTimeout(tooLate)
    if (login.user !== host.user || login.password !== host.password) {
      refuse({ error: 18_456, message: `Login failed for user '${login.user}'.` })
    } else if (login.database && login.database.toLowerCase() !== host.database.toLowerCase()) {
      refuse({ error: 4060, message: `Cannot open database "${login.database}".` })
    } else {
      handle = onRequest
      reply(out => putLoginAck(out, database))
    }
  }

  function refuse(error: SqlError): void {
    reply(out => {
      putError(out, error, 14)
      putFailed(out)
    })
    stream.end()
  }

  function onRequest(message: Message): void {
    if (message.type === PACKET.attention) {
      onAttention()
      return
    }
    if (answering.busy()) throw new ProtocolError('a request while another is being answered')
    if (message.ignore) reply(putFailed)
    else if (message.type === PACKET.rpc) onCall(message.payload)
    else if (message.type === PACKET.batch) onBatch(readBatch(message.payload))
    else throw new ProtocolError(`packets of type ${message.type} are not understood`)
  }

  /** The aborted answer ends in one message, the acknowledgement is a message of its own. */
  function onAttention(): void {
    if (answering.giveUp()) reply(putFailed)
    reply(putAttentionDone)
  }

  function onBatch(text: string): void {
    const sql = text.trim()
    const use = /^use\s+\[?(\w+)\]?;?$/i.exec(sql)?.[1]
    if (use !== undefined) {
      database = use
      reply(out => {
        putDatabaseChange(out, use)
        putEnd(out, { procedure: false, rows: null })
      })
    } else if (sql.split('\n').every(line => /^set\s/i.test(line))) {
      reply(out => putEnd(out, { procedure: false, rows: null }))
    } else {
      answering.start({ sql, params: {}, database }, false)
    }
  }

  function onCall(payload: Buffer): void {
    const call = readCall(payload)
    if ('sql' in call) {
      answering.start({ ...call, database }, true)
    } else {
      send(errorAnswer({ error: 2812, message: `Could not find stored procedure '${call.unknown}'.` }, true))
    }
  }
}
