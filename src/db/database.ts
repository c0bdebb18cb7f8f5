import pg from 'pg'
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
  /** One transaction; rolled back when `work` rejects. */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** A connection of one's own, for COPY and the like; destroyed afterwards when `work` rejects. */
  withConnection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>
  stats(): { total: number; idle: number; waiting: number }
  close(): Promise<void>
}

export interface DatabaseOptions {
  url: string
  /** Connections at most. */
  pool?: number
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
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: options.statementTimeout ?? 10_000,
    application_name: 'samaconso',
    keepAlive: true,
  })
  pool.on('error', error => options.onError?.(error))

  async function withConnection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch(error => Promise.reject(translate(error)))
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      client.release(true)
      throw translate(error)
    }
  }

  async function run<Row>(client: pg.Pool | pg.PoolClient, text: string, values?: readonly unknown[]) {
    const result = await client.query(text, values as unknown[])
    return result.rows as Row[]
  }

  return {
    withConnection,
    async query(text, values) {
      try {
        return await run(pool, text, values)
      } catch (error) {
        throw translate(error)
      }
    },
    async tx(work) {
      const client = await pool.connect().catch(error => Promise.reject(translate(error)))
      const after: (() => void | Promise<void>)[] = []
      let broken = false
      let result: Awaited<ReturnType<typeof work>>
      try {
        await client.query('begin')
        result = await work({
          query: (text, values) => run(client, text, values),
          afterCommit: step => void after.push(step),
        })
        await client.query('commit')
      } catch (error) {
        // A connection that cannot even roll back is thrown away.
        broken = await client.query('rollback').then(
          () => false,
          () => true,
        )
        throw translate(error)
      } finally {
        client.release(broken)
      }
      for (const step of after) await step()
      return result
    },
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}
