import type pg from 'pg'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER_BYTES = SIGNATURE.length + 8

/**
 * The only column of each row of a statement as PostgreSQL sends it, by COPY in its binary format: no text is made of it
 * on the way. Each row comes in one message (PostgreSQL's protocol, "COPY operations").
 */
export function copiedRows(client: pg.PoolClient, sql: string): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const rows: Buffer[] = []
    const query = {
      // The driver wraps it by its limit of time.
      callback: (error?: Error) => (error ? reject(error) : resolve(rows)),
      submit: (connection: { query(sql: string): void }) =>
        connection.query(`copy (${sql}) to stdout (format binary)`),
      handleCopyData({ chunk }: { chunk: Buffer }) {
        const row = fieldOf(chunk)
        if (row) rows.push(row)
      },
      handleError: (error: Error) => query.callback(error),
      handleReadyForQuery: () => query.callback(),
      handleCommandComplete: () => undefined,
    }
    client.query(query as unknown as pg.Submittable)
  })
}

/** What a message holds, which may begin with the header of the whole; nothing for its end. */
function fieldOf(chunk: Buffer): Buffer | undefined {
  const at = chunk.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? HEADER_BYTES : 0
  if (at === chunk.length || chunk.readInt16BE(at) === -1) return undefined
  const length = chunk.readInt32BE(at + 2)
  if (length === -1) throw new Error('A row without a value was copied.')
  // The driver uses the memory of its messages again.
  return Buffer.from(chunk.subarray(at + 6, at + 6 + length))
}
