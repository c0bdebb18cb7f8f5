import type { Config } from '../../config.ts'

/** A sentence in both languages of an operator. */
export interface Words {
  fr: string
  en: string
}

export type State = 'ok' | 'warning' | 'fault' | 'skipped'

export interface Finding {
  state: State
  /** What was found. Never a secret, an address of a person, or a text of theirs. */
  what: Words
  /** What to do about it; with every warning and fault. */
  remedy?: Words
}

export interface Examined extends Finding {
  component: string
  ms: number
}

/** One part of the system that is looked at by itself, whatever the others do. */
export interface Check {
  component: string
  /** What to do when it cannot even be looked at. */
  remedy: Words
  /** Rejects when its component does not answer. Opens and closes what it needs. */
  run(signal: AbortSignal): Promise<Finding[]>
}

export interface Patient {
  /** What could be read of the configuration. */
  config: Partial<Config>
  faults: readonly string[]
  version: string
  now(): number
}

export const ok = (fr: string, en: string): Finding => ({ state: 'ok', what: { fr, en } })
export const skipped = (fr: string, en: string): Finding => ({ state: 'skipped', what: { fr, en } })
export const warning = (what: Words, remedy: Words): Finding => ({ state: 'warning', what, remedy })
export const fault = (what: Words, remedy: Words): Finding => ({ state: 'fault', what, remedy })

/** A fault or warning above two limits of a figure. */
export const limit = (
  value: number,
  [warn, wrong]: readonly [number, number],
  what: Words,
  remedy: Words,
): Finding => {
  const state = value >= wrong ? 'fault' : value >= warn ? 'warning' : 'ok'
  return state === 'ok' ? { state, what } : { state, what, remedy }
}
