import { memo, type ReactNode, useState } from 'react'

export interface VirtualColumn<T> {
  title: string
  isNumber?: boolean
  cell: (item: T) => ReactNode
}

interface VirtualRowsProps<T extends object> {
  items: readonly T[]
  /** px of each row, all alike. */
  rowHeight: number
  label: string
  /** One for each item, the same wherever it is in the list. */
  keyOf: (item: T) => string
  /** The same array while they are the same: a row is drawn anew when it is another one. */
  columns: readonly VirtualColumn<T>[]
}

const AROUND = 10
const VIEW = 640

/** A long table of which only the rows in view exist: ten thousand cost what thirty cost. */
export function VirtualRows<T extends object>({
  items,
  rowHeight,
  label,
  keyOf,
  columns,
}: VirtualRowsProps<T>) {
  const [top, setTop] = useState(0)
  const first = Math.max(0, Math.floor(top / rowHeight) - AROUND)
  const shown = items.slice(first, first + Math.ceil(VIEW / rowHeight) + 2 * AROUND)
  return (
    <section
      className="virtual"
      aria-label={label}
      tabIndex={0}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
    >
      <div role="table" aria-label={label} aria-rowcount={items.length + 1}>
        <div role="rowgroup" className="virtual-head">
          <div role="row" aria-rowindex={1} className="virtual-row">
            {columns.map(({ title, isNumber }) => (
              <span role="columnheader" key={title} className={isNumber ? 'number' : undefined}>
                {title}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" className="virtual-body" style={{ height: items.length * rowHeight }}>
          {shown.map((item, i) => (
            <div
              role="row"
              aria-rowindex={first + i + 2}
              className="virtual-row"
              key={keyOf(item)}
              style={{ height: rowHeight, transform: `translateY(${(first + i) * rowHeight}px)` }}
            >
              <Cells item={item} columns={columns as readonly VirtualColumn<object>[]} />
            </div>
          ))}
        </div>
      </div>
    </section>
  )
}

/** A list that moves on gets new rows above and the same ones below: those are moved, not drawn. */
const Cells = memo(
  ({ item, columns }: { item: object; columns: readonly VirtualColumn<object>[] }) =>
    columns.map(({ title, isNumber, cell }) => (
      <span role="cell" key={title} className={isNumber ? 'number' : undefined}>
        {cell(item)}
      </span>
    )),
  (before, now) => before.columns === now.columns && isSame(before.item, now.item),
)

function isSame(one: object, other: object): boolean {
  const fields = Object.entries(one)
  return (
    fields.length === Object.keys(other).length &&
    fields.every(([name, value]) => value === (other as Record<string, unknown>)[name])
  )
}
