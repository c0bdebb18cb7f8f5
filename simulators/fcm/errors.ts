/** FCM's own error codes (ErrorCode of the HTTP v1 reference), with the HTTP status and canonical status that carry them. */
export const FCM_ERRORS = {
  INVALID_ARGUMENT: {
    code: 400,
    status: 'INVALID_ARGUMENT',
    message: 'Request contains an invalid argument.',
  },
  UNREGISTERED: { code: 404, status: 'NOT_FOUND', message: 'Requested entity was not found.' },
  SENDER_ID_MISMATCH: { code: 403, status: 'PERMISSION_DENIED', message: 'SenderId mismatch' },
  QUOTA_EXCEEDED: {
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    message: 'Resource has been exhausted (e.g. check quota).',
  },
  UNAVAILABLE: { code: 503, status: 'UNAVAILABLE', message: 'The service is currently unavailable.' },
  INTERNAL: { code: 500, status: 'INTERNAL', message: 'Internal error encountered.' },
  THIRD_PARTY_AUTH_ERROR: {
    code: 401,
    status: 'UNAUTHENTICATED',
    message: 'Auth error from APNS or Web Push Service',
  },
} as const

export type FcmErrorCode = keyof typeof FCM_ERRORS

export interface ErrorReply {
  /** The name under which it is counted. */
  outcome: FcmErrorCode | 'UNAUTHENTICATED' | 'PERMISSION_DENIED'
  status: number
  body: string
}

const fcmDetail = (errorCode: FcmErrorCode) => ({
  '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError',
  errorCode,
})

function reply(
  outcome: ErrorReply['outcome'],
  error: { code: number; status: string; message: string },
  details: object[] = [],
): ErrorReply {
  return {
    outcome,
    status: error.code,
    body: JSON.stringify({ error: { ...error, ...(details.length > 0 && { details }) } }),
  }
}

/** The plain form of one of FCM's codes. */
export const fcmError = (code: FcmErrorCode): ErrorReply => reply(code, FCM_ERRORS[code], [fcmDetail(code)])

/** 429 of one device alone: the quota that was exceeded is named in a `QuotaFailure`. */
export const deviceQuota = (token: string): ErrorReply =>
  reply('QUOTA_EXCEEDED', FCM_ERRORS.QUOTA_EXCEEDED, [
    fcmDetail('QUOTA_EXCEEDED'),
    {
      '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
      violations: [{ subject: `device:${token}`, description: 'Device message rate exceeded' }],
    },
  ])

/** What FCM says of a token that is none. */
export const invalidToken = (): ErrorReply =>
  reply(
    'INVALID_ARGUMENT',
    {
      ...FCM_ERRORS.INVALID_ARGUMENT,
      message: 'The registration token is not a valid FCM registration token',
    },
    [fcmDetail('INVALID_ARGUMENT')],
  )

/** A payload that does not have the shape of a message: the field and what is wrong with it. */
export const invalidField = (field: string, description: string): ErrorReply =>
  reply('INVALID_ARGUMENT', { ...FCM_ERRORS.INVALID_ARGUMENT, message: description }, [
    {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [{ field, description }],
    },
  ])

export const messageTooBig = (): ErrorReply =>
  reply('INVALID_ARGUMENT', { ...FCM_ERRORS.INVALID_ARGUMENT, message: 'Message too big' }, [
    fcmDetail('INVALID_ARGUMENT'),
  ])

export const unauthenticated = (): ErrorReply =>
  reply('UNAUTHENTICATED', {
    code: 401,
    status: 'UNAUTHENTICATED',
    message: 'Request had invalid authentication credentials. Expected OAuth 2 access token.',
  })

export const foreignProject = (): ErrorReply =>
  reply('PERMISSION_DENIED', {
    code: 403,
    status: 'PERMISSION_DENIED',
    message: "Permission 'cloudmessaging.messages.create' denied on this project.",
  })

/** Of the simulator itself: nothing is accepted that could not be counted. */
export const ledgerFull = (): ErrorReply =>
  reply('UNAVAILABLE', {
    ...FCM_ERRORS.UNAVAILABLE,
    message: 'The ledger of the simulator is full: DELETE /push on its control port empties it.',
  })
