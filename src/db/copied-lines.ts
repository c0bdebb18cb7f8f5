import type { Socket } from 'node:net'
import type pg from 'pg'

const NEWLINE = 10
const COPY_DATA = 0x64
/** Of a message: its type and its length. */
const HEAD_BYTES = 5
/** Before the text: the signature and header of the format, how many columns, how long the column is. */
const TEXT_AT = 19 + 2 + 4

/**
 * The lines of the one text that a statement yields, as PostgreSQL sends it, by COPY in its binary format (PostgreSQL's
 * protocol, "COPY operations"). What is copied goes past the driver, which would put each message together first: a line
 * is a part of what the socket read, or two such parts put together.
 */
export function copiedLines(client: pg.PoolClient, sql: string): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const lines = lineSplitter()
    let giveBack = (): void => undefined
    const query = {
      // The driver wraps it by its limit of time.
      callback: (error?: Error) => (error ? reject(error) : resolve(lines.end())),
      submit(connection: { stream: Socket; query(sql: string): void }) {
        giveBack = takeCopyData(connection.stream, lines.add)
        connection.query(`copy (${sql}) to stdout (format binary)`)
      },
      handleError(error: Error) {
        giveBack()
        query.callback(error)
      },
      handleReadyForQuery() {
        giveBack()
        query.callback()
      },
      handleCommandComplete: () => undefined,
    }
    client.query(query as unknown as pg.Submittable)
  })
}

/** Keeps the messages of copied data from the driver and hands on what they hold, in parts. Returns how to end it. */
export function takeCopyData(socket: Socket, take: (part: Buffer) => void): () => void {
  const driver = socket.listeners('data')[0] as (bytes: Buffer) => void
  let isOver = false
  let isCopied = false
  /** Bytes of the message that are still to come. */
  let left = 0
  /** The beginning of a message whose length is not known yet. */
  let begun: Buffer | undefined

  /** Begins a message; the driver gets those of its own with their head. */
  function messageIn(bytes: Buffer): Buffer {
    isCopied = bytes[0] === COPY_DATA
    const taken = isCopied ? HEAD_BYTES : 0
    left = bytes.readUInt32BE(1) + 1 - taken
    return bytes.subarray(taken)
  }

  function filter(read: Buffer): void {
    let bytes = begun ? Buffer.concat([begun, read]) : read
    begun = undefined
    while (bytes.length > 0 && !isOver) {
      if (left === 0 && bytes.length < HEAD_BYTES) {
        begun = bytes
        return
      }
      if (left === 0) bytes = messageIn(bytes)
      const part = bytes.subarray(0, left)
      bytes = bytes.subarray(part.length)
      left -= part.length
      if (isCopied) take(part)
      else driver(part)
    }
    if (bytes.length > 0) driver(bytes)
  }

  socket.off('data', driver)
  socket.on('data', filter)
  return () => {
    if (isOver) return
    isOver = true
    socket.off('data', filter)
    socket.on('data', driver)
  }
}

/** Cuts a text that comes in parts into its lines. */
function lineSplitter() {
  const lines: Buffer[] = []
  const head = Buffer.alloc(TEXT_AT)
  let headLength = 0
  /** Bytes of the text that are still to come; undefined before its length is known, below 0 for null. */
  let left: number | undefined
  let begun: Buffer[] = []

  function finish(part: Buffer): void {
    lines.push(begun.length > 0 ? Buffer.concat([...begun, part]) : part)
    begun = []
  }

  return {
    add(part: Buffer): void {
      let text = part
      if (left === undefined) {
        const taken = part.copy(head, headLength)
        headLength += taken
        if (headLength < TEXT_AT) return
        left = head.readInt32BE(TEXT_AT - 4)
        text = part.subarray(taken)
      }
      // After the text comes the end of the format.
      text = text.subarray(0, Math.max(left, 0))
      left -= text.length
      let from = 0
      for (let end = text.indexOf(NEWLINE); end !== -1; end = text.indexOf(NEWLINE, from)) {
        finish(text.subarray(from, end))
        from = end + 1
      }
      if (from < text.length) begun.push(text.subarray(from))
    },
    end(): Buffer[] {
      if (left === 0) finish(Buffer.alloc(0))
      return lines
    },
  }
}
