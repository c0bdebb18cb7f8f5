import { existsSync, globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: root })

describe('every link of the documentation leads somewhere', () => {
  it.each(pages)('%s', async page => {
    const text = await readFile(join(root, page), 'utf8')
    const links = [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map(([, target]) => target as string)
    const missing = links.filter(
      target => !/^https?:/.test(target) && !existsSync(join(root, dirname(page), target)),
    )
    expect(missing).toEqual([])
  })
})
