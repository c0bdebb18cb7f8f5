interface Line {
  name: string
  values: (number | null)[]
  /** Solid or dashed: lines are told apart without colour too. */
  dashed?: boolean
}

const WIDTH = 300
const HEIGHT = 60

/** A small chart over time; its figures are in the table beside it, so it says only what it shows. */
export function Chart({ label, lines }: { label: string; lines: Line[] }) {
  const most = Math.max(1, ...lines.flatMap(line => line.values.map(value => value ?? 0)))
  return (
    <svg
      className="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {lines.map(line => (
        <path key={line.name} d={pathOf(line.values, most)} className={line.dashed ? 'dashed' : ''} />
      ))}
    </svg>
  )
}

/** Nothing is drawn where nothing is known. */
function pathOf(values: (number | null)[], most: number): string {
  const step = WIDTH / Math.max(1, values.length - 1)
  let isDown = true
  return values
    .map((value, i) => {
      if (value === null) {
        isDown = true
        return ''
      }
      const move = isDown ? 'M' : 'L'
      isDown = false
      return `${move}${(i * step).toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`
    })
    .join('')
}
