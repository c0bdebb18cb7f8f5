import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The page as it was built: in memory, compressed already. */
export interface Web {
  /** Sends the page, whatever address of its own it was asked for. */
  page(reply: FastifyReply): FastifyReply
  /** Sends a script, a style or a picture; undefined when there is none of that name. */
  asset(name: string, accepts: string, reply: FastifyReply): FastifyReply | undefined
}

interface File {
  type: string
  /** By content coding; '' is as it is. */
  forms: Map<string, Buffer>
}

const TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const CODINGS = { '.br': 'br', '.gz': 'gzip' } as const

const NOT_BUILT = `<!doctype html><html lang="fr"><meta charset="utf-8"><title>SamaConso</title>
<p>La page n’est pas construite&nbsp;: «&nbsp;npm run web&nbsp;», puis redémarrez le moniteur. L’interface REST répond sous /api.</p>
<p lang="en">The page is not built: <code>npm run web</code>, then restart the monitor. The REST interface answers below /api.</p></html>
`

/** Reads what was built, once: a name never stands for another content, so browsers keep it for a year. */
export function openWeb(folder: string): Web {
  const files = readAssets(join(folder, 'assets'))
  const page = readOr(join(folder, 'index.html'), NOT_BUILT)
  return {
    page: reply =>
      raw(reply, Buffer.from(page), 'text/html; charset=utf-8').header('cache-control', 'no-cache'),
    asset(name, accepts, reply) {
      const file = files.get(name)
      if (!file) return undefined
      const coding = ['br', 'gzip'].find(one => accepts.includes(one) && file.forms.has(one)) ?? ''
      if (coding) reply.header('content-encoding', coding)
      reply.headers({ vary: 'accept-encoding', 'cache-control': 'private, max-age=31536000, immutable' })
      return raw(reply, file.forms.get(coding) ?? Buffer.alloc(0), file.type)
    },
  }
}

/** A browser that opens an address, rather than a program that asks. */
export const wantsPage = ({ headers }: FastifyRequest): boolean =>
  headers.accept?.includes('text/html') ?? false

const raw = (reply: FastifyReply, body: Buffer, type: string) => reply.type(type).send(body)

function readAssets(folder: string): Map<string, File> {
  const files = new Map<string, File>()
  for (const entry of readNames(folder)) {
    const coding = CODINGS[extname(entry) as keyof typeof CODINGS] ?? ''
    const name = coding ? entry.slice(0, -3) : entry
    const type = TYPES[extname(name)]
    if (!type) continue
    const file = files.get(name) ?? { type, forms: new Map() }
    file.forms.set(coding, readFileSync(join(folder, entry)))
    files.set(name, file)
  }
  return files
}

const readNames = (folder: string): string[] => orNone(() => readdirSync(folder)) ?? []
const readOr = (file: string, other: string): string => orNone(() => readFileSync(file, 'utf8')) ?? other

/** What was not built is missing, and nothing else is forgiven. */
function orNone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
