// Tries to connect to each address given, side by side, and prints what came of it.
import { connect } from 'node:net'
import type { Answered, Knock } from '../drills/ports.ts'

const LONG_ENOUGH_MS = 1_500

const knock = ({ host, port }: Knock): Promise<Answered> =>
  new Promise(done => {
    const socket = connect({ host, port })
    const settle = (answer: Answered) => {
      socket.destroy()
      done(answer)
    }
    socket.setTimeout(LONG_ENOUGH_MS, () => settle('stopped'))
    socket.once('connect', () => settle('open'))
    // A machine that answers that nobody listens let it through; a firewall answers otherwise, or not at all.
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      settle(code === 'ECONNREFUSED' ? 'nobody listens' : 'stopped'),
    )
  })

const knocks = JSON.parse(process.argv[2] ?? '[]') as Knock[]
console.log(JSON.stringify(await Promise.all(knocks.map(knock))))
