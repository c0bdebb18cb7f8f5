import type { FastifyError } from 'fastify'
import { type FieldError, type Language, PROBLEMS, Problem, type ProblemCode } from '../lib/problems.ts'

/** Where each code is explained; served by the API itself. */
const TYPE_BASE = '/docs/problems#'

/** RFC 9457. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  code: ProblemCode
  detail?: string
  requestId: string
  errors?: FieldError[]
}

/** The language of the answer: `Accept-Language`'s first that we speak, French by default. */
export function languageOf(header: string | undefined): Language {
  for (const part of (header ?? '').slice(0, 200).split(',')) {
    const tag = part.trim().slice(0, 2).toLowerCase()
    if (tag === 'fr' || tag === 'en' || tag === 'wo') return tag
  }
  return 'fr'
}

/** The body of an error answer: public words alone. Wolof falls back on French until its texts are reviewed. */
export function problemBody(problem: Problem, language: Language, requestId: string): ProblemBody {
  const spoken = language === 'en' ? 'en' : 'fr'
  return {
    type: `${TYPE_BASE}${problem.code}`,
    title: PROBLEMS[problem.code].title[spoken],
    status: problem.status,
    code: problem.code,
    ...(problem.detail ? { detail: problem.detail[spoken] } : {}),
    requestId,
    ...(problem.errors ? { errors: problem.errors } : {}),
  }
}

const FASTIFY_CODES: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed',
  FST_ERR_BAD_URL: 'malformed',
  FST_ERR_NOT_FOUND: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
}

/** Any error of a route as one of ours; what is not known is `internal`, with its cause kept inside. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const { validation, validationContext, code, statusCode } = error as FastifyError
  if (validation) {
    return new Problem('invalid', {
      cause: error,
      errors: validation.slice(0, 20).map(fault => ({
        field: fieldOf(validationContext, fault.instancePath, fault.params),
        message: fault.message ?? 'is not valid',
      })),
    })
  }
  const known = FASTIFY_CODES[code]
  if (known) return new Problem(known, { cause: error })
  if (statusCode && statusCode >= 400 && statusCode < 500) return new Problem('malformed', { cause: error })
  return new Problem('internal', { cause: error })
}

function fieldOf(context: string | undefined, path: string, params: Record<string, unknown>): string {
  const parts = path.split('/').filter(Boolean)
  const last = params.missingProperty ?? params.additionalProperty ?? params.propertyName
  if (typeof last === 'string') parts.push(last.slice(0, 100))
  return parts.join('.') || (context ?? 'body')
}
