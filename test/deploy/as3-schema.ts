/**
 * What our AS3 declaration for an F5 may say, as a JSON schema (draft 7).
 *
 * It is written here, and short: the classes that deploy/ansible/roles/f5 uses, with the properties that it uses or that are
 * close beside them. Names, values, bounds and patterns are those of the schema that F5 publishes for AS3 3.37.0
 * (F5Networks/f5-appsvcs-extension, schema/latest/as3-schema-3.37.0-4.json). It is stricter in two things:
 * - F5’s lets pass what it does not know in a service, a monitor, a persistence, an HTTP profile and a pool’s member, and AS3
 *   then ignores it. Here a property that is not known is refused everywhere.
 * - A text that AS3 would change on its way to the F5 is refused: see TEXT.
 *
 * It does not replace F5’s: who has the internet validates the file with the schema of the release that is installed.
 */

/** A backquote begins something that AS3 expands; a quotation mark in front says that the text is quoted already. */
const TEXT = { type: 'string', pattern: '^(?!")[^`]*$' }

const FLAG = { type: 'boolean' }
const NAME = { type: 'string', minLength: 1 }
/** IPv4 or IPv6, with a route domain or a length; its form alone. */
const ADDRESS = { type: 'string', pattern: '^[0-9A-Fa-f.:]+(%[0-9]+)?(/[0-9]+)?$' }
/** Of something that is on the F5 already. */
const PATH = { type: 'string', pattern: "^/[^\\x00-\\x19\\x22#'*<>?\\x5b-\\x5d\\x7b-\\x7d\\x7f]+$" }
const LABEL = { type: 'string', pattern: '^[^\\x00-\\x1f\\x22#&*<>?\\x5b-\\x5d`\\x7f]*$', maxLength: 64 }
const REMARK = { type: 'string', pattern: '^[^\\x00-\\x1f\\x22\\x5c\\x7f]*$', maxLength: 64 }

const integer = (minimum: number, maximum: number) => ({ type: 'integer', minimum, maximum })
const among = (...values: string[]) => ({ type: 'string', enum: values })
const list = (items: object) => ({ type: 'array', items })

const object = (properties: Record<string, object>, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

/** Something of this declaration, or of the F5. */
const POINTER = { ...object({ use: NAME, bigip: PATH }), minProperties: 1, maxProperties: 1 }
const ON_THE_F5 = object({ bigip: PATH }, ['bigip'])

/** By the name of what F5 ships, or by a pointer. */
const either = (...builtIn: string[]) => ({ anyOf: [among(...builtIn), POINTER] })
/** By its name in this declaration, or by a pointer. */
const NAMED = { anyOf: [NAME, POINTER] }
/** A text, or one that is on the F5. */
const TEXT_OR_ON_THE_F5 = { anyOf: [TEXT, ON_THE_F5] }

/** One that is not found by a name or a cloud: its addresses are told. */
const MEMBER = object(
  {
    remark: REMARK,
    servicePort: integer(0, 65_535),
    serverAddresses: { ...list(ADDRESS), uniqueItems: true },
    enable: FLAG,
    adminState: among('enable', 'disable', 'offline'),
    connectionLimit: integer(0, 2_147_483_647),
    ratio: integer(0, 100),
    priorityGroup: integer(0, 65_535),
    shareNodes: FLAG,
  },
  ['servicePort', 'serverAddresses'],
)

/** What an application consists of, by its class: its properties, and those that must be there. */
const CLASSES: Record<string, [properties: Record<string, object>, required: string[]]> = {
  Service_HTTPS: [
    {
      enable: FLAG,
      virtualAddresses: { ...list(ADDRESS), minItems: 1, uniqueItems: true },
      virtualPort: integer(0, 65_535),
      redirect80: FLAG,
      pool: NAMED,
      serverTLS: { anyOf: [NAME, ON_THE_F5, list(ON_THE_F5)] },
      profileHTTP: either('basic'),
      profileHTTP2: either('basic'),
      profileHTTPCompression: either('basic', 'wan'),
      profileTCP: either('normal', 'lan', 'wan', 'mobile'),
      profileMultiplex: either('basic'),
      persistenceMethods: list(
        either('cookie', 'destination-address', 'msrdp', 'source-address', 'tls-session-id'),
      ),
      iRules: list(NAMED),
      snat: either('none', 'self', 'auto'),
      maxConnections: { type: 'integer', minimum: 0 },
    },
    // A standard virtual server has addresses; only an internal one has none.
    ['serverTLS', 'virtualAddresses'],
  ],
  Pool: [
    {
      loadBalancingMode: among(
        ...['dynamic-ratio-member', 'dynamic-ratio-node', 'fastest-app-response', 'fastest-node'],
        ...['least-connections-member', 'least-connections-node', 'least-sessions'],
        ...['observed-member', 'observed-node', 'predictive-member', 'predictive-node'],
        ...['ratio-least-connections-member', 'ratio-least-connections-node'],
        ...['ratio-member', 'ratio-node', 'ratio-session', 'round-robin'],
        ...['weighted-least-connections-member', 'weighted-least-connections-node'],
      ),
      minimumMembersActive: integer(0, 65_535),
      monitors: list(either('http', 'https', 'http2', 'icmp', 'tcp-half-open', 'tcp')),
      minimumMonitors: { anyOf: [{ const: 'all' }, integer(1, 63)] },
      members: list(MEMBER),
      reselectTries: integer(0, 65_535),
      serviceDownAction: among('drop', 'none', 'reselect', 'reset'),
      slowRampTime: integer(0, 900),
    },
    [],
  ],
  // Of the many kinds, the one that is used.
  Monitor: [
    {
      monitorType: { const: 'http' },
      interval: integer(0, 3_600),
      upInterval: integer(0, 3_600),
      timeUntilUp: integer(0, 1_800),
      timeout: integer(0, 900),
      targetPort: integer(0, 65_535),
      send: TEXT,
      receive: TEXT,
      receiveDown: TEXT,
      reverse: FLAG,
    },
    ['monitorType'],
  ],
  // Likewise; the others know neither `ttl` nor the flags.
  Persist: [
    {
      persistenceMethod: { const: 'cookie' },
      cookieMethod: { const: 'insert' },
      cookieName: { type: 'string', pattern: '^[0-9A-Za-z.~#$%^&*_-]*$', maxLength: 64 },
      duration: integer(0, 604_800),
      ttl: integer(0, 604_800),
      httpOnly: FLAG,
      secure: FLAG,
      alwaysSet: FLAG,
    },
    ['persistenceMethod'],
  ],
  HTTP_Profile: [
    {
      xForwardedFor: FLAG,
      trustXFF: FLAG,
      hstsInsert: FLAG,
      hstsPeriod: integer(0, 4_294_967_295),
      hstsIncludeSubdomains: FLAG,
      hstsPreload: FLAG,
      requestChunking: among('selective', 'preserve', 'rechunk'),
      responseChunking: among('selective', 'preserve', 'unchunk', 'rechunk'),
      multiplexTransformations: FLAG,
      maxHeaderCount: integer(1, 1_024),
      maxHeaderSize: integer(9, 262_144),
      webSocketsEnabled: FLAG,
      webSocketMasking: among('preserve', 'remask', 'selective', 'unmask'),
    },
    [],
  ],
  TCP_Profile: [
    {
      idleTimeout: { anyOf: [integer(1, 86_400), { const: -1 }] },
      keepAliveInterval: integer(1, 86_400),
      resetOnTimeout: FLAG,
    },
    [],
  ],
  // `ciphers` and `cipherGroup` exclude each other: the second is not known here.
  TLS_Server: [
    {
      certificates: {
        ...list(
          object({ matchToSNI: { type: 'string' }, enabled: FLAG, certificate: NAME }, ['certificate']),
        ),
        minItems: 1,
      },
      requireSNI: FLAG,
      ciphers: { type: 'string' },
      sslEnabled: FLAG,
      ssl3Enabled: FLAG,
      tls1_0Enabled: FLAG,
      tls1_1Enabled: FLAG,
      tls1_2Enabled: FLAG,
      tls1_3Enabled: FLAG,
      renegotiationEnabled: FLAG,
    },
    ['certificates'],
  ],
  Certificate: [
    { certificate: TEXT_OR_ON_THE_F5, privateKey: TEXT_OR_ON_THE_F5, chainCA: TEXT_OR_ON_THE_F5 },
    ['certificate'],
  ],
  iRule: [{ expand: FLAG, iRule: TEXT_OR_ON_THE_F5 }, ['iRule']],
}

const ITEM = {
  type: 'object',
  properties: { class: among(...Object.keys(CLASSES)) },
  required: ['class'],
  allOf: Object.entries(CLASSES).map(([name, [properties, required]]) => ({
    if: { type: 'object', properties: { class: { const: name } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
    then: object({ class: {}, label: LABEL, remark: REMARK, ...properties }, required),
  })),
}

const APPLICATION = {
  type: 'object',
  properties: {
    class: { const: 'Application' },
    label: LABEL,
    remark: REMARK,
    template: { const: 'generic' },
    enable: FLAG,
  },
  required: ['class'],
  propertyNames: { pattern: '^[A-Za-z]([0-9A-Za-z_.-]{0,188}[0-9A-Za-z_.])?$' },
  additionalProperties: ITEM,
}

const TENANT = {
  type: 'object',
  properties: { class: { const: 'Tenant' }, label: LABEL, remark: REMARK, enable: FLAG },
  required: ['class'],
  propertyNames: { pattern: '^[A-Za-z][0-9A-Za-z_.-]*$', maxLength: 190 },
  additionalProperties: APPLICATION,
}

const DECLARATION = {
  type: 'object',
  properties: {
    class: { const: 'ADC' },
    updateMode: among('complete', 'selective'),
    // AS3 takes any version from 3.0.0 to its own; ours is the oldest that it must be.
    schemaVersion: { const: '3.36.0' },
    id: { type: 'string', pattern: "^[^\\x00-\\x20\\x22'<>\\x5c^`|\\x7f]*$", maxLength: 255 },
    label: LABEL,
    remark: REMARK,
  },
  required: ['class', 'schemaVersion'],
  propertyNames: { pattern: '^[A-Za-z][0-9A-Za-z_.-]*$', maxLength: 190 },
  additionalProperties: TENANT,
}

/** Of the whole file: what is posted to an F5. */
export const AS3_SCHEMA = object(
  {
    class: { const: 'AS3' },
    action: among('deploy', 'dry-run', 'patch', 'redeploy', 'retrieve', 'remove'),
    persist: FLAG,
    declaration: DECLARATION,
  },
  ['class', 'declaration'],
)
