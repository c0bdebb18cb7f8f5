/** What went wrong, in words for a person: RFC 9457 from the server, or that nobody answered. */
export class Failure extends Error {
  /** 0 when there was no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const WAIT_MS = 15_000

/** What an operation takes and answers, as `web/generate.ts` writes it. */
interface Operation {
  path?: Record<string, string>
  query?: object
  body?: object
  answer: unknown
}
type Parts<One> = Omit<One, 'answer'>
/** May be left out when nothing in it is needed. */
export type Given<One> = Record<string, never> extends Parts<One> ? [parts?: Parts<One>] : [parts: Parts<One>]

/** The client of an interface: its operations by method and path, each typed by the document that they come from. */
export const clientOf =
  <All extends { [Name in keyof All]: Operation }>() =>
  <Name extends keyof All & string>(
    name: Name,
    ...[parts]: Given<All[Name]>
  ): Promise<All[Name]['answer']> => {
    const [method = '', template = ''] = name.split(' ')
    const { path = {}, query = {}, body } = (parts ?? {}) as Omit<Operation, 'answer'>
    const filled = template.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(path[key] ?? ''))
    return ask(method, withQuery(filled, query), body)
  }

/** Asks our own server, in the language of the page; rejects with a `Failure`. */
async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  let answer: Response
  try {
    answer = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        'accept-language': document.documentElement.lang,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      signal: AbortSignal.timeout(WAIT_MS),
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  } catch (error) {
    throw new Failure(0, String(error))
  }
  const text = await answer.text()
  const json = parse(text)
  if (answer.ok && json !== undefined) return json as T
  const { title, detail } = (json ?? {}) as { title?: string; detail?: string }
  throw new Failure(answer.status, [title, detail].filter(Boolean).join(' – ') || `HTTP ${answer.status}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An address with the parameters that are set. */
function withQuery(path: string, query: object): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const text = new URLSearchParams(set.map(([key, value]) => [key, String(value)])).toString()
  return text ? `${path}?${text}` : path
}
