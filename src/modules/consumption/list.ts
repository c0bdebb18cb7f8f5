import type { After, Period } from '../../backoffice/types.ts'
import { decodeCursor, encodeCursor } from '../../lib/cursor.ts'
import type { Ctx } from '../../services.ts'
import type { OpenMeter } from '../meters/index.ts'
import { copyOf, type Figures, figuresOf } from './figures.ts'
import { dayOf, periodBetween, upTo } from './period.ts'
import type { PeriodQuery } from './schema.ts'
import type { Source } from './sources.ts'

const LATEST = 'latest'
/** What is always kept of a list: the usual first page and some more. */
const KEPT_ROWS = 30
const EPOCH_MS = /^\d{1,14}$/

interface Latest<Item> {
  items: Item[]
  /** The first instant that was asked for, ms: all since then is here when there are fewer than `KEPT_ROWS`. */
  since: number
}

interface Slice<Item> {
  items: Item[]
  hasMore: boolean
}

/** The newest items of a meter: what the first screen and the usual first page need, in one question. */
export function latestOf<Item>(
  ctx: Ctx,
  meter: OpenMeter,
  source: Source<Item>,
): Promise<Figures<Latest<Item>>> {
  const period = upTo(dayOf(ctx.clock.now()))
  return figuresOf(ctx, {
    meterId: meter.meterId,
    what: LATEST,
    isKept: true,
    ask: async () => ({
      items: await source.ask(period, { limit: KEPT_ROWS }),
      since: period.from.getTime(),
    }),
  })
}

/** A page of a period, newest first; while the systems are away, what the kept newest items say of it. */
export async function listItems<Item extends { id: string }>(
  ctx: Ctx,
  meter: OpenMeter,
  source: Source<Item>,
  query: PeriodQuery,
) {
  const { from, to, limit = 20, cursor } = query
  const period = periodBetween(from, to, ctx.clock.now())
  const after = cursor === undefined ? undefined : rowOf(cursor, source.idShape)
  const isUsual = from === undefined && to === undefined && !after && limit < KEPT_ROWS
  const { value, asOf, stale } = isUsual
    ? firstPage(await latestOf(ctx, meter, source), limit)
    : await askPage(ctx, meter, source, period, limit, after)
  const last = value.items.at(-1)
  return {
    items: value.items,
    nextCursor: value.hasMore && last ? encodeCursor(String(source.timeOf(last)), last.id) : null,
    asOf: new Date(asOf).toISOString(),
    stale,
  }
}

function firstPage<Item>({ value, ...age }: Figures<Latest<Item>>, limit: number): Figures<Slice<Item>> {
  return { ...age, value: { items: value.items.slice(0, limit), hasMore: value.items.length > limit } }
}

function askPage<Item extends { id: string }>(
  ctx: Ctx,
  { meterId }: OpenMeter,
  source: Source<Item>,
  period: Period,
  limit: number,
  after: After | undefined,
): Promise<Figures<Slice<Item>>> {
  const bounds = [period.from.getTime(), period.to.getTime(), limit, after?.at.getTime(), after?.id]
  return figuresOf(ctx, {
    meterId,
    what: `page:${bounds.join(':')}`,
    isKept: false,
    ask: async () => {
      const rows = await source.ask(period, { limit: limit + 1, ...(after ? { after } : {}) })
      return { items: rows.slice(0, limit), hasMore: rows.length > limit }
    },
    instead: async () => {
      const copy = await copyOf<Latest<Item>>(ctx, meterId, LATEST)
      const value = copy && sliceOf(copy.value, source, period, limit, after)
      return value && { ...copy, value }
    },
  })
}

/**
 * What the kept newest items say of a page. It may be shorter than asked, going on by its cursor where the copy ends;
 * null when the copy says nothing of it.
 */
function sliceOf<Item extends { id: string }>(
  { items, since }: Latest<Item>,
  { timeOf }: Source<Item>,
  period: Period,
  limit: number,
  after: After | undefined,
): Slice<Item> | null {
  const start = period.from.getTime()
  const rows = afterRow(items, timeOf, after).filter(
    item => timeOf(item) >= start && timeOf(item) < period.to.getTime(),
  )
  if (rows.length > limit) return { items: rows.slice(0, limit), hasMore: true }
  const oldest = items.at(-1)
  const reachesStart =
    items.length < KEPT_ROWS ? since <= start : oldest !== undefined && timeOf(oldest) < start
  if (reachesStart) return { items: rows, hasMore: false }
  return rows.length > 0 ? { items: rows, hasMore: true } : null
}

function afterRow<Item extends { id: string }>(
  items: Item[],
  timeOf: (item: Item) => number,
  after: After | undefined,
): Item[] {
  if (!after) return items
  const at = after.at.getTime()
  const index = items.findIndex(item => item.id === after.id && timeOf(item) === at)
  return index < 0 ? items.filter(item => timeOf(item) < at) : items.slice(index + 1)
}

function rowOf(cursor: string, idShape: RegExp): After {
  const [at = '', id = ''] = decodeCursor(cursor, EPOCH_MS, idShape)
  return { at: new Date(Number(at)), id }
}
