import type { SqlType, SqlValue } from './sql-types.ts'

export interface Column {
  name: string
  type: SqlType
}

export interface ResultSet {
  columns: readonly Column[]
  rows: readonly (readonly SqlValue[])[]
}

export interface SqlError {
  /** Number of the error, as in sys.messages. */
  error: number
  message: string
}

/** What a client asked: the text, and the parameters by their name in lower case without `@`. */
export interface SqlRequest {
  sql: string
  params: Readonly<Record<string, SqlValue>>
  database: string
}

/**
 * How the server behaves from now on; asked again for every connection and statement.
 * `slow` answers statements after `latencyMs`; `down` resets every connection, present and new; `hang` accepts and never
 * says a word; `error-mid-rows` and `stall-mid-rows` send half of the rows, then an error or nothing more.
 */
export interface Behaviour {
  mode: 'ok' | 'slow' | 'down' | 'hang' | 'error-mid-rows' | 'stall-mid-rows'
  /** Before each answer; 10,000 by default when slow, else none. */
  latencyMs?: number
}

export interface TdsServerOptions {
  /** With a certificate encryption is demanded of every client; null speaks in clear alone. */
  tls: { key: string; cert: string } | null
  user: string
  password: string
  database: string
  /** Null for a statement that it does not know: the client gets an error that names it. */
  answer: (request: SqlRequest) => ResultSet | SqlError | null
  behaviour?: () => Behaviour
  /** 0, the default, takes a free one. */
  port?: number
  /** More are turned away; 200 by default. */
  maxConnections?: number
}

export interface TdsServer {
  port: number
  /** Open now. */
  connections(): number
  /** The most that were ever open at once. */
  peakConnections(): number
  /** All that ever knocked, those turned away among them. */
  attempts(): number
  /** Statements asked so far, whether answered or not; what a pool asks to check a connection is none. */
  statements(): number
  close(): Promise<void>
}
