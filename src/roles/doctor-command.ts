import { readConfig } from '../config.ts'
import { allChecks, type Examined, examine, exitCode, type Words } from '../operations/doctor/index.ts'
import { type Env, environmentOf, optionsOf, print } from './operator.ts'
import { StartError, speaksEnglish } from './say.ts'

const USAGE = {
  fr: 'samaconso doctor [--json] [--lang fr|en]',
  en: 'samaconso doctor [--json] [--lang fr|en]',
}

const MARKS = { ok: '✓', warning: '!', fault: '✗', skipped: '–' } as const

/** `samaconso doctor`: the complete health check, from wherever it runs. Ends the process: 0 well, 1 to look at, 2 broken. */
export async function runDoctor(args: string[], env: Env, version: string): Promise<void> {
  const given = optionsOf(args, { json: { type: 'boolean' }, lang: { type: 'string' } }, USAGE)
  if (given.lang !== undefined && given.lang !== 'fr' && given.lang !== 'en') throw new StartError(USAGE)
  const lang = given.lang ?? (speaksEnglish ? 'en' : 'fr')
  // Without any, the configuration itself is what is wrong.
  const found = await environmentOf(env).catch(() => env)
  const { config, faults } = readConfig(found)
  const startedAt = performance.now()
  const examined = await examine(allChecks({ config, faults, version, now: Date.now }))
  const code = exitCode(examined)
  const ms = Math.round(performance.now() - startedAt)
  print(given.json ? asJson(examined, code, ms, lang) : asText(examined, ms, lang))
  // What a dead component still holds open must not keep us.
  process.stdout.write('', () => process.exit(code))
}

const STATES = ['ok', 'warning', 'fault'] as const

function asJson(examined: readonly Examined[], code: 0 | 1 | 2, ms: number, lang: keyof Words): string {
  const checks = examined.map(({ component, state, what, remedy, ms: each }) => ({
    component,
    state,
    what: what[lang],
    ...(remedy ? { remedy: remedy[lang] } : {}),
    ms: each,
  }))
  return JSON.stringify({ state: STATES[code], ms, checks }, null, 2)
}

function asText(examined: readonly Examined[], ms: number, lang: keyof Words): string {
  const width = Math.max(...examined.map(({ component }) => component.length))
  const lines = examined.flatMap(({ component, state, what, remedy }) => [
    `${MARKS[state]} ${component.padEnd(width)}  ${what[lang]}`,
    ...(remedy ? [`  ${' '.repeat(width)}  → ${remedy[lang]}`] : []),
  ])
  const count = (state: string) => examined.filter(one => one.state === state).length
  const [faults, warnings, seconds] = [count('fault'), count('warning'), (ms / 1_000).toFixed(1)]
  const end = {
    fr: `${faults} panne(s), ${warnings} avertissement(s), ${seconds} s`,
    en: `${faults} fault(s), ${warnings} warning(s), ${seconds} s`,
  }
  return [...lines, '', end[lang]].join('\n')
}
