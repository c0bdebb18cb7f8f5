import type { FastifyRequest } from 'fastify'
import { Problem } from '../lib/problems.ts'
import type { App } from './fastify.ts'

const SUSPECT = /\\u(0000|d[89a-f])/i

/** JSON bodies: what PostgreSQL cannot keep as text (NUL, half of a surrogate pair) is refused at the door. */
export function parseJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  // Plain text would be taken for a body, and refused as one of the wrong type.
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text: string, done) => {
    // Many clients send an empty body with this header on a POST that takes none.
    if (text === '') return done(null, undefined)
    return parse(request as FastifyRequest, text, (error, body) => {
      if (!error && SUSPECT.test(text) && !isStorable(body)) done(unstorable('body'))
      else done(error, body)
    })
  })
}

/** Forgets the type of a body that is not there, as some clients send it: its end has been, and Fastify would wait for it. */
export function forgetTypeOfNoBody({ method, raw }: FastifyRequest): void {
  if (method !== 'GET' && raw.readableEnded) delete raw.headers['content-type']
}

/** Whether every text inside can be stored. */
function isStorable(value: unknown): boolean {
  const left = [value]
  while (left.length > 0) {
    const next = left.pop()
    if (typeof next === 'string') {
      if (next.includes('\0') || !next.isWellFormed()) return false
    } else if (next && typeof next === 'object') {
      for (const [key, inner] of Object.entries(next)) left.push(key, inner)
    }
  }
  return true
}

/** Refuses an address with an encoded NUL. */
export function refuseNulInAddress(url: string): void {
  if (url.includes('%00')) throw unstorable('address')
}

const unstorable = (field: string) =>
  new Problem('malformed', {
    detail: {
      fr: `Un caractère interdit se trouve dans : ${field}.`,
      en: `A character that is not allowed is in the ${field}.`,
    },
  })
