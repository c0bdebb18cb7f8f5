import { describe, expect, it } from 'vitest'
import { MigrationChanged } from '../../db/index.ts'
import { Problem } from '../../lib/problems.ts'
import { StartError } from '../say.ts'
import { explainStart, remedyOf } from './faults.ts'

const of = (output: string) => remedyOf(output, '/data')?.en ?? null
const coded = (code: string, message = code) => Object.assign(new Error(message), { code })

describe('what the database’s programs say, in a person’s words', () => {
  it.each([
    ['initdb: error: could not create directory "/x": No space left on device', 'disk is full'],
    [
      '2026-01-01 UTC [1] PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
      'disk is full',
    ],
    ['could not extend file "base/16385/4150": wrote only 4096 of 8192 bytes at block 0', 'disk is full'],
    ['2026-01-01 UTC [1] FATAL:  data directory "/x" has wrong ownership', 'may not be written'],
    ['postgres: could not access directory "/x": Permission denied', 'may not be written'],
    ['2026-01-01 UTC [1] FATAL:  "/x/data" is not a valid data directory', '--reset'],
    ['2026-01-01 UTC [1] DETAIL:  File "/x/PG_VERSION" does not contain valid data.', '--reset'],
    ['2026-01-01 UTC [1] PANIC:  could not read file "global/pg_control": read 0 of 296', '--reset'],
    ['2026-01-01 UTC [1] FATAL:  database files are incompatible with server', '--reset'],
    ['2026-01-01 UTC [1] PANIC:  could not locate a valid checkpoint record at 0/1', '--reset'],
  ])('%s', (output, words) => {
    expect(of(output)).toContain(words)
  })

  it('a recovery after a crash is no damage', () => {
    expect(
      of(
        [
          '2026-01-01 UTC [1] LOG:  database system was interrupted; last known up at 2026-01-01',
          '2026-01-01 UTC [1] LOG:  invalid record length at 0/1A: expected at least 24, got 0',
          '2026-01-01 UTC [1] LOG:  database system is ready to accept connections',
        ].join('\n'),
      ),
    ).toBeNull()
  })
})

describe('a failed start', () => {
  const words = (error: unknown, log = '') => {
    const explained = explainStart(error, '/data', log)
    return explained instanceof StartError ? explained.message : explained
  }

  it('is one sentence when a person can mend it', () => {
    expect(words(coded('ENOSPC'))).toMatch(/disque est plein|disk is full/)
    expect(words(new Problem('unavailable', { cause: coded('53100') }))).toMatch(
      /disque est plein|disk is full/,
    )
    expect(words(coded('EACCES'))).toContain('/data')
    expect(words(Object.assign(coded('EADDRINUSE'), { port: 8001 }))).toContain('8001')
    expect(words(new MigrationChanged('0001.sql'))).toContain('--reset')
    expect(words(new Problem('unavailable'), 'x PANIC: could not write: No space left on device')).toMatch(
      /disque est plein|disk is full/,
    )
  })

  it('is the error itself when only we can', () => {
    const bug = new TypeError('undefined is not a function')
    expect(words(bug)).toBe(bug)
    const known = new StartError({ fr: 'x', en: 'x' })
    expect(explainStart(known, '/data')).toBe(known)
  })
})
