import { type ReactNode, useState } from 'react'

interface VirtualRowsProps<T> {
  items: readonly T[]
  /** px of each row, all alike. */
  rowHeight: number
  label: string
  keyOf: (item: T, i: number) => string
  columns: { title: string; isNumber?: boolean; cell: (item: T) => ReactNode }[]
}

const AROUND = 10
const VIEW = 640

/** A long table of which only the rows in view exist: ten thousand cost what thirty cost. */
export function VirtualRows<T>({ items, rowHeight, label, keyOf, columns }: VirtualRowsProps<T>) {
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
              key={keyOf(item, first + i)}
              style={{ height: rowHeight, transform: `translateY(${(first + i) * rowHeight}px)` }}
            >
              {columns.map(({ title, isNumber, cell }) => (
                <span role="cell" key={title} className={isNumber ? 'number' : undefined}>
                  {cell(item)}
                </span>
              ))}
            </div>
          ))}
        </div>
      </div>
    </section>
  )
}
