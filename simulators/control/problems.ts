/** Something that the caller must know: a status, a stable code and a sentence. */
export class ControlError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'ControlError'
    this.status = status
    this.code = code
  }
}

export const invalid = (message: string) => new ControlError(422, 'invalid', message)
