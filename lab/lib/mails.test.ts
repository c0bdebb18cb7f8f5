import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../src/roles/embedded/postgres.ts'
import { until } from '../../test/harness.ts'
import { mailsIn, toldIn } from './mails.ts'

const MAILBOX = fileURLToPath(new URL('../processes/mailbox.ts', import.meta.url))
/** As Alertmanager 0.25 sends it. */
const MAIL = [
  'Subject: =?utf-8?q?SamaConso_[MAJEUR]_L=27instance_samaconso=5Fapi=5F1_de_l=27API_ne_r=C3=A9?= =?utf-8?q?pond_plus?=',
  'Content-Type: multipart/alternative;  boundary=b1',
  '',
  '--b1',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Type: text/plain; charset=UTF-8',
  '',
  "MAJEUR : L'instance samaconso_api_1 de l'API ne r=C3=A9pond plus",
  'Prometheus n=27obtient plus de mesures.',
  'Depuis : 01/01/2026 10:00',
  'Proc=C3=A9dure : docs/runbooks/ApiDown.md',
  '',
  "R=C3=89TABLI : Aucune instance de l'API ne r=C3=A9p=",
  'ond',
  'Proc=C3=A9dure : docs/runbooks/AllApiDown.md',
  '',
  'Qui agit : …',
  '--b1',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Type: text/html; charset=UTF-8',
  '',
  '<p>R=C3=A9tabli</p>',
  '--b1--',
].join('\r\n')

let folder: string
let file: string
let stop: () => void
let port: number
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-mailbox-'))
  file = join(folder, 'mails')
  port = await freePort()
  const child = spawn(process.execPath, [MAILBOX, '127.0.0.1', String(port), file], { stdio: 'inherit' })
  stop = () => void child.kill()
})
afterAll(async () => {
  stop()
  await rm(folder, { recursive: true })
})

/** Says one line after the other, each after the answer to the one before. */
async function talk(lines: readonly string[]): Promise<string[]> {
  const answers: string[] = []
  const socket = (await until(
    'the mailbox',
    () =>
      new Promise<ReturnType<typeof connect> | null>(done => {
        const one = connect(port, '127.0.0.1', () => done(one))
        one.once('error', () => done(null))
      }),
  )) as ReturnType<typeof connect>
  const left = [...lines]
  await new Promise<void>((done, fail) => {
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answers.push(chunk.slice(0, 3))
      const next = left.shift()
      if (next !== undefined) socket.write(`${next}\r\n`)
    })
    socket.on('close', () => done()).on('error', fail)
  })
  return answers
}

it('a mail that is handed over is kept, and says which alerts began and ended', async () => {
  const answers = await talk([
    'EHLO server3',
    'MAIL FROM:<samaconso@example.invalid>',
    'RCPT TO:<ops@example.invalid>',
    'DATA',
    `${MAIL}\r\n.`,
    'QUIT',
  ])
  expect(answers).toEqual(['220', '250', '250', '250', '354', '250', '221'])
  const [mail, ...more] = await mailsIn(file)
  expect(more).toEqual([])
  expect(mail).toMatchObject({
    to: ['ops@example.invalid'],
    subject: "SamaConso [MAJEUR] L'instance samaconso_api_1 de l'API ne répond plus",
    html: expect.stringContaining('Rétabli'),
  })
  expect(mail && toldIn(mail)).toEqual([
    expect.objectContaining({ alert: 'ApiDown', isOver: false, severity: 'MAJEUR' }),
    expect.objectContaining({
      alert: 'AllApiDown',
      isOver: true,
      summary: "Aucune instance de l'API ne répond",
    }),
  ])
})
