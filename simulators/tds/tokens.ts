import {
  type Output,
  outputOf,
  putBytes,
  putShortText,
  putText,
  putU8,
  putU16,
  putU32,
  putU64,
  written,
} from './bytes.ts'
import { PACKET_SIZE } from './packets.ts'
import { COLLATION, type SqlValue } from './sql-types.ts'
import type { Column, SqlError } from './types.ts'

/** Tokens of an answer (MS-TDS 2.2.7). */
const TOKEN = { columns: 0x81, error: 0xaa, loginAck: 0xad, row: 0xd1, environment: 0xe3, status: 0x79 }
const DONE = { batch: 0xfd, procedure: 0xfe, inProcedure: 0xff } as const

const MORE = 0x01
const ERROR = 0x02
const COUNT = 0x10
const ATTENTION = 0x20
const SELECT = 0xc1

const described = new WeakMap<readonly Column[], Buffer>()

/** COLMETADATA; the same columns are described once. */
export function putColumns(out: Output, columns: readonly Column[]): void {
  let bytes = described.get(columns)
  if (!bytes) {
    const description = outputOf(512)
    putU8(description, TOKEN.columns)
    putU16(description, columns.length)
    for (const column of columns) {
      putU32(description, 0)
      putU16(description, 0x09) // nullable; whether it can be updated is unknown
      putBytes(description, column.type.info)
      putShortText(description, column.name)
    }
    bytes = Buffer.from(written(description))
    described.set(columns, bytes)
  }
  putBytes(out, bytes)
}

export function putRow(out: Output, columns: readonly Column[], row: readonly SqlValue[]): void {
  putU8(out, TOKEN.row)
  for (const [i, column] of columns.entries()) column.type.write(out, row[i] ?? null)
}

export function putError(out: Output, { error, message }: SqlError, severity = 16): void {
  const text = message.slice(0, 2000)
  putU8(out, TOKEN.error)
  putU16(out, 4 + 1 + 1 + 2 + text.length * 2 + 1 + SERVER.length * 2 + 1 + 4)
  putU32(out, error)
  putU8(out, 1)
  putU8(out, severity)
  putU16(out, text.length)
  putText(out, text)
  putShortText(out, SERVER)
  putShortText(out, '')
  putU32(out, 1)
}
const SERVER = 'SIMULATOR'

/** What ends an answer: by a batch, or by a procedure with its status. */
export function putEnd(
  out: Output,
  end: { procedure: boolean; rows: number | null; failed?: boolean },
): void {
  const counted = end.rows === null ? 0 : COUNT
  if (!end.procedure) {
    putDone(out, DONE.batch, counted | (end.failed ? ERROR : 0), SELECT, end.rows ?? 0)
    return
  }
  // without DONEINPROC a client loses the rows
  if (end.rows !== null) putDone(out, DONE.inProcedure, MORE | counted, SELECT, end.rows)
  putU8(out, TOKEN.status)
  putU32(out, end.failed ? 1 : 0)
  putDone(out, DONE.procedure, end.failed ? ERROR : 0, 0xe0, 0)
}

/** The end of a request that was refused, or given up while it was running. */
export const putFailed = (out: Output): void => putDone(out, DONE.batch, ERROR, 0, 0)

export const putAttentionDone = (out: Output): void => putDone(out, DONE.batch, ATTENTION, 0, 0)

function putDone(out: Output, token: number, status: number, command: number, rows: number): void {
  putU8(out, token)
  putU16(out, status)
  putU16(out, command)
  putU64(out, BigInt(rows))
}

/** A signed-in session: database, collation, version, packet size. */
export function putLoginAck(out: Output, database: string): void {
  putDatabaseChange(out, database)
  putEnvironment(out, 7, change => {
    putU8(change, COLLATION.length)
    putBytes(change, COLLATION)
    putU8(change, 0)
  })
  const name = 'Microsoft SQL Server'
  putU8(out, TOKEN.loginAck)
  putU16(out, 1 + 4 + 1 + name.length * 2 + 4)
  putU8(out, 1)
  putBytes(out, Buffer.from([0x74, 0x00, 0x00, 0x04])) // the one number that is big-endian
  putShortText(out, name)
  putBytes(out, Buffer.from([16, 0, 0, 0]))
  putEnvironment(out, 4, change => {
    putShortText(change, String(PACKET_SIZE))
    putShortText(change, String(PACKET_SIZE))
  })
  putDone(out, DONE.batch, 0, 0, 0)
}

export function putDatabaseChange(out: Output, database: string): void {
  putEnvironment(out, 1, change => {
    putShortText(change, database)
    putShortText(change, '')
  })
}

function putEnvironment(out: Output, type: number, put: (change: Output) => void): void {
  const change = outputOf(128)
  put(change)
  putU8(out, TOKEN.environment)
  putU16(out, change.at + 1)
  putU8(out, type)
  putBytes(out, written(change))
}
