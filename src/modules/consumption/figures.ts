import { Problem, Unavailable } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { keepCopy, readCopy } from './sql.ts'

type Needs = Pick<Services, 'cache' | 'clock' | 'db' | 'log'>

/** An answer of the company's systems, and how old it is. */
export interface Figures<T> {
  value: T
  /** ms since the epoch. */
  asOf: number
  stale: boolean
}

/** Something asked of them about one meter. The answer is plain JSON. */
export interface Question<T> {
  meterId: string
  /** Tells this question from others about the meter, and stands for the shape of its answer: copies outlive versions. */
  what: string
  ask: () => Promise<T>
  /** Whether its answer is kept under `what` as the last known copy. */
  isKept: boolean
  /** What older copies can say instead, when there is none under `what`; null when nothing. */
  instead?: () => Promise<Figures<T> | null>
}

/** An answer serves all readers of the meter for so long. */
const FRESH_MS = 15_000
/** How long a customer waits for the systems while there is a copy to show, and while there is none. */
const PATIENCE_MS = 1_200
const LIMIT_MS = 1_700

type Outcome<T> = { figures: Figures<T> } | { error: unknown }

/**
 * The answer, at most 15 s old and asked once for all who want it at the same time; the last known copy, marked stale,
 * when the systems do not answer soon. Rejects with `backoffice_unavailable` when there is no copy either, after 1.7 s at
 * the latest. An answer that comes too late for this reader serves the next.
 */
export async function figuresOf<T>(services: Needs, question: Question<T>): Promise<Figures<T>> {
  const asked = fresh(services, question).then(
    (figures): Outcome<T> => ({ figures }),
    (error: unknown): Outcome<T> => {
      // It may come after somebody was answered from a copy, and nobody hears of it then.
      if (!isAway(error)) {
        services.log.warn({ event: 'figures_failed', meterId: question.meterId, what: question.what, error })
      }
      return { error }
    },
  )
  const early = await within(PATIENCE_MS, asked)
  if (early && 'figures' in early) return early.figures
  if (early && !isAway(early.error)) throw early.error
  const copy = (await copyOf<T>(services, question.meterId, question.what)) ?? (await question.instead?.())
  if (copy) return copy
  const late = early ?? (await within(LIMIT_MS - PATIENCE_MS, asked))
  if (late && 'figures' in late) return late.figures
  throw late?.error ?? new Unavailable(new Error(`no answer within ${LIMIT_MS} ms`))
}

/** The last known copy of an answer, marked stale. */
export async function copyOf<T>(
  { db }: Pick<Needs, 'db'>,
  meterId: string,
  what: string,
): Promise<Figures<T> | null> {
  const copy = await readCopy(db, meterId, what)
  return copy && { value: copy.body as T, asOf: copy.as_of.getTime(), stale: true }
}

async function fresh<T>(services: Needs, question: Question<T>): Promise<Figures<T>> {
  const { cache, clock } = services
  const { meterId, what } = question
  const text = await cache.text(`figures:${meterId}:${what}`, [], FRESH_MS, async () => {
    const value = await question.ask()
    const asOf = clock.now()
    if (question.isKept) await keep(services, question, JSON.stringify(value), asOf)
    return JSON.stringify({ value, asOf, stale: false })
  })
  return JSON.parse(text) as Figures<T>
}

/** A copy that cannot be written costs nobody their answer. */
async function keep<T>(
  { db, log }: Needs,
  { meterId, what }: Question<T>,
  body: string,
  asOf: number,
): Promise<void> {
  try {
    await keepCopy(db, meterId, what, body, new Date(asOf))
  } catch (error) {
    log.warn({ event: 'copy_not_kept', meterId, what, error })
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof Problem && error.code === 'backoffice_unavailable'

/** What a promise gives within a time, undefined when it takes longer. It must not reject. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, ms, undefined)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
