/**
 * The errors of the product: a small set of stable codes, each with its HTTP status and a title a person can read.
 * Use cases throw `Problem`; http/problem.ts turns it into RFC 9457 `application/problem+json`, once.
 */

export type Language = 'fr' | 'en' | 'wo'

export interface FieldError {
  /** JSON pointer-like path of the field, `device.id`. */
  field: string
  message: string
}

interface Entry {
  status: number
  title: { fr: string; en: string }
}

const entry = (status: number, fr: string, en: string): Entry => ({ status, title: { fr, en } })

export const PROBLEMS = {
  malformed: entry(400, 'La demande est illisible', 'The request cannot be read'),
  unauthenticated: entry(401, 'Connectez-vous pour continuer', 'Sign in to continue'),
  invalid_credentials: entry(401, 'Identifiants incorrects', 'Wrong credentials'),
  session_ended: entry(
    401,
    'Votre session est terminée, reconnectez-vous',
    'Your session has ended, sign in again',
  ),
  forbidden: entry(403, 'Vous n’avez pas le droit de faire cela', 'You may not do this'),
  approval_by_author: entry(
    403,
    'Un autre administrateur doit approuver cette diffusion',
    'Another administrator must approve this broadcast',
  ),
  device_not_verified: entry(
    403,
    'Cet appareil doit être vérifié par un code SMS',
    'This device must be verified by an SMS code',
  ),
  not_found: entry(404, 'Introuvable', 'Not found'),
  meter_unknown: entry(404, 'Ce compteur est inconnu de Senelec', 'This meter is not known to Senelec'),
  method_not_allowed: entry(405, 'Méthode non permise', 'Method not allowed'),
  conflict: entry(409, 'Cette action contredit l’état actuel', 'This conflicts with the current state'),
  already_linked: entry(
    409,
    'Ce compteur est déjà rattaché à votre compte',
    'This meter is already linked to your account',
  ),
  already_registered: entry(409, 'Ce numéro a déjà un compte', 'This number already has an account'),
  request_in_progress: entry(409, 'La même demande est en cours', 'The same request is in progress'),
  too_large: entry(413, 'La demande est trop grande', 'The request is too large'),
  unsupported_media_type: entry(415, 'Envoyez du JSON', 'Send JSON'),
  invalid: entry(422, 'Certains champs sont à corriger', 'Some fields need correcting'),
  code_invalid: entry(
    422,
    'Le code est faux ou périmé, demandez-en un nouveau',
    'The code is wrong or expired, ask for a new one',
  ),
  pin_too_simple: entry(422, 'Ce code PIN est trop simple', 'This PIN is too simple'),
  idempotency_key_required: entry(
    422,
    'L’en-tête Idempotency-Key est obligatoire',
    'The Idempotency-Key header is required',
  ),
  idempotency_key_reused: entry(
    422,
    'Cette Idempotency-Key a déjà servi à une autre demande',
    'This Idempotency-Key was used for another request',
  ),
  link_refused: entry(
    409,
    'Ce rattachement a été refusé, redemandez plus tard',
    'This link was refused, ask again later',
  ),
  rate_limited: entry(429, 'Trop de tentatives, patientez', 'Too many attempts, wait a little'),
  internal: entry(500, 'Une erreur est survenue de notre côté', 'Something went wrong on our side'),
  backoffice_unavailable: entry(
    503,
    'Les systèmes de Senelec ne répondent pas, réessayez dans un instant',
    'Senelec’s systems do not answer, try again in a moment',
  ),
  maintenance: entry(
    503,
    'Nous améliorons le service, revenez un peu plus tard',
    'We are improving the service, come back a little later',
  ),
  unavailable: entry(
    503,
    'Service momentanément indisponible, réessayez dans un instant',
    'Service briefly unavailable, try again in a moment',
  ),
} satisfies Record<string, Entry>

export type ProblemCode = keyof typeof PROBLEMS

export interface ProblemOptions {
  /** A sentence for the person, in the language given, saying what to do. */
  detail?: { fr: string; en: string }
  /** By field, for 422. */
  errors?: FieldError[]
  /** Seconds, sent as `Retry-After`. */
  retryAfter?: number
  /** What happened inside; logged, never sent. */
  cause?: unknown
}

/** An error with a stable public code. `cause` and `message` stay inside. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly detail: { fr: string; en: string } | undefined
  readonly errors: FieldError[] | undefined
  readonly retryAfter: number | undefined

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail?.en ?? PROBLEMS[code].title.en, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.status = PROBLEMS[code].status
    this.detail = options.detail
    this.errors = options.errors
    this.retryAfter = options.retryAfter
  }
}

/** A system of the company that does not answer: 503 with `Retry-After`, unless an older copy can be shown. */
export class Unavailable extends Problem {
  constructor(cause: unknown, retryAfter = 5) {
    super('backoffice_unavailable', { cause, retryAfter })
    this.name = 'Unavailable'
  }
}
