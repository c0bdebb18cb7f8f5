import pg from 'pg'
import { Problem } from '../lib/problems.ts'
import { copiedLines } from './copied-lines.ts'
import { translate } from './errors.ts'

/** Something that runs SQL: the database, or one transaction of it. */
export interface Queryable {
  /** Rows of one statement. Positional parameters only; never a named statement (PgBouncer). */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export interface Tx extends Queryable {
  /** Runs once the transaction has committed, before `tx` resolves, in order. For wake-ups and cache versions: a failure is the caller's failure. */
  afterCommit(work: () => void | Promise<void>): void
}

export interface Database extends Queryable {
  /**
   * One transaction; rolled back when `work` rejects, and when a statement failed in it even though `work` went on: it
   * then rejects, since nothing was kept.
   */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * The lines of the one text that a statement yields (one row, one column; null has none), as bytes: for text that is
   * sent on as it is. The statement takes no parameters: `literal` puts values into it. A line may be part of a larger
   * piece of memory: who keeps it for long copies it.
   */
  lines(sql: string): Promise<Buffer[]>
  /** A connection of one's own, for COPY and the like; destroyed afterwards when `work` rejects. */
  withConnection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>
  stats(): { total: number; idle: number; waiting: number }
  close(): Promise<void>
}

export interface DatabaseOptions {
  url: string
  /** Connections at most. */
  pool?: number
  /** Callers that may wait for a connection; one more is refused at once. */
  maxWaiting?: number
  /** ms that each may wait for one. */
  connectTimeout?: number
  /** ms that a statement may take, measured here; the server's own limit is set by its role. */
  statementTimeout?: number
  /** Told about connections that die while idle. */
  onError?: (error: Error) => void
}

// Counts and sums fit a double; the driver's default is a string.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/**
 * Opens the pool; no connection is made before the first query. Errors that mean "the database is away" are
 * `Problem('unavailable')`, others are the driver's.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.pool ?? 10,
    connectionTimeoutMillis: options.connectTimeout ?? 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: options.statementTimeout ?? 10_000,
    application_name: 'samaconso',
    keepAlive: true,
  })
  pool.on('error', error => options.onError?.(error))

  const maxWaiting = options.maxWaiting ?? 10_000

  async function connect(): Promise<pg.PoolClient> {
    if (pool.waitingCount >= maxWaiting) throw new Problem('unavailable', { retryAfter: 2 })
    const client = await pool.connect().catch(error => Promise.reject(translate(error)))
    // Told to whoever runs a statement on it; without a listener a connection lost in between would end the process.
    client.on('error', ignore)
    return client
  }

  function release(client: pg.PoolClient, broken: boolean): void {
    client.off('error', ignore)
    client.release(broken)
  }

  async function withConnection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await connect()
    let broken = true
    try {
      const result = await work(client)
      broken = false
      return result
    } catch (error) {
      throw translate(error)
    } finally {
      release(client, broken)
    }
  }

  async function run<Row>(client: pg.Pool | pg.PoolClient, text: string, values?: readonly unknown[]) {
    const result = await client
      .query(text, values as unknown[])
      .catch((error: unknown) => Promise.reject(translate(error)))
    return result.rows as Row[]
  }

  return {
    withConnection,
    lines: sql => withConnection(client => copiedLines(client, sql)),
    async query(text, values) {
      if (pool.waitingCount >= maxWaiting) throw new Problem('unavailable', { retryAfter: 2 })
      return run(pool, text, values)
    },
    async tx(work) {
      const client = await connect()
      const after: (() => void | Promise<void>)[] = []
      let broken = false
      let over = false
      let result: Awaited<ReturnType<typeof work>>
      try {
        await run(client, 'begin')
        result = await work({
          async query(text, values) {
            // The connection is somebody else's by now.
            if (over) throw new Error('This transaction is over.')
            return run(client, text, values)
          },
          afterCommit: step => void after.push(step),
        })
        await commit(client)
      } catch (error) {
        broken = !(await rollback(client, error))
        throw error
      } finally {
        over = true
        release(client, broken)
      }
      for (const step of after) await step()
      return result
    },
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}

const ignore = () => undefined

async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => Promise.reject(translate(error)))
  // After a failed statement PostgreSQL answers COMMIT by rolling back, without an error.
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back: a statement in it had failed.')
}

/** Whether the connection can go on. One whose statement is still running is not asked: its answer may never come. */
async function rollback(client: pg.PoolClient, error: unknown): Promise<boolean> {
  const cause = error instanceof Problem ? error.cause : error
  if (cause instanceof Error && cause.message === 'Query read timeout') return false
  return client.query('rollback').then(
    () => true,
    () => false,
  )
}
