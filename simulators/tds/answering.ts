import { outputOf, written } from './bytes.ts'
import { INT } from './sql-types.ts'
import { putColumns, putEnd, putError, putRow } from './tokens.ts'
import type { Behaviour, ResultSet, SqlError, SqlRequest } from './types.ts'

const SLOW_MS = 10_000
const ONE: ResultSet = { columns: [{ name: '', type: INT }], rows: [[1]] }
const DISK_FAILED: SqlError = { error: 824, message: 'The disk failed in the middle of the rows.' }

/** What a pool asks to know whether a connection is well. */
const isCheck = ({ sql }: SqlRequest): boolean => /^select 1;?$/i.test(sql)

/** The statement that a client waits for, one at a time. */
export interface Answering {
  busy(): boolean
  /** Answers, after as long as the server's behaviour says. `procedure`: it came as a procedure call, not as a batch. */
  start(request: SqlRequest, procedure: boolean): void
  /** Whether there was something to give up. */
  giveUp(): boolean
}

/** `send` takes a part of an answer, and whether it is the last one. */
export function createAnswering(
  host: {
    behaviour: () => Behaviour
    onStatement: () => void
    answer: (request: SqlRequest) => ResultSet | SqlError
  },
  send: (payload: Buffer, last: boolean) => void,
): Answering {
  let running: { timer?: NodeJS.Timeout } | null = null

  function resultOf(request: SqlRequest): ResultSet | SqlError {
    try {
      return isCheck(request) ? ONE : host.answer(request)
    } catch (error) {
      return { error: 50_001, message: `the simulator failed: ${String(error)}` }
    }
  }

  function answer(request: SqlRequest, procedure: boolean, mode: Behaviour['mode']): void {
    running = null
    const result = resultOf(request)
    if ('error' in result) {
      send(errorAnswer(result, procedure), true)
      return
    }
    try {
      if (mode === 'stall-mid-rows') {
        send(halfOf(result), false)
        running = {}
      } else if (mode === 'error-mid-rows') {
        send(Buffer.concat([halfOf(result), errorAnswer(DISK_FAILED, procedure)]), true)
      } else {
        send(rowsAnswer(result, procedure), true)
      }
    } catch (error) {
      const message = `the simulator cannot write this row: ${String(error)}`
      send(errorAnswer({ error: 50_001, message }, procedure), true)
    }
  }

  return {
    busy: () => running !== null,
    start: (request, procedure) => {
      if (!isCheck(request)) host.onStatement()
      const { mode, latencyMs } = host.behaviour()
      const wait = latencyMs ?? (mode === 'slow' ? SLOW_MS : 0)
      if (wait === 0) answer(request, procedure, mode)
      else running = { timer: setTimeout(() => answer(request, procedure, mode), wait) }
    },
    giveUp: () => {
      if (!running) return false
      clearTimeout(running.timer)
      running = null
      return true
    },
  }
}

/** An error and the end of the answer. */
export function errorAnswer(error: SqlError, procedure: boolean): Buffer {
  const out = outputOf()
  putError(out, error)
  putEnd(out, { procedure, rows: null, failed: true })
  return written(out)
}

function rowsAnswer({ columns, rows }: ResultSet, procedure: boolean): Buffer {
  const out = outputOf(4096)
  putColumns(out, columns)
  for (const row of rows) putRow(out, columns, row)
  putEnd(out, { procedure, rows: rows.length })
  return written(out)
}

/** The first half of the rows, without an end. */
function halfOf({ columns, rows }: ResultSet): Buffer {
  const out = outputOf(4096)
  putColumns(out, columns)
  for (const row of rows.slice(0, Math.ceil(rows.length / 2))) putRow(out, columns, row)
  return written(out)
}
