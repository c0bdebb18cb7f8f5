import { Lru } from './lru.ts'

const MAX_SCOPES = 200_000

/** The versions of scopes as one process knows them: those that it bumped itself. */
export interface Versions {
  /** The versions of these scopes, numbers that are used but once. */
  of(scopes: readonly string[]): number[]
  /** Whether these are their versions still; false when they are the versions of other scopes. */
  are(scopes: readonly string[], known: readonly number[]): boolean
  bump(scopes: readonly string[]): void
}

/** A key together with versions, counted and first: no other key with other versions is the same text. */
export const keyAt = (known: readonly number[], key: string): string =>
  `${known.length}|${known.join('|')}|${key}`

export function openVersions(): Versions {
  const versions = new Lru<number>(MAX_SCOPES)
  // A forgotten scope starts again at a number that was never used, so what was kept under it stays unreachable.
  let next = 0

  const version = (scope: string): number => {
    let known = versions.get(scope)
    if (known === undefined) {
      known = ++next
      versions.set(scope, known)
    }
    return known
  }

  return {
    of: scopes => scopes.map(version),
    are(scopes, known) {
      if (scopes.length !== known.length) return false
      for (let at = 0; at < known.length; at++) {
        if (versions.get(scopes[at] as string) !== known[at]) return false
      }
      return true
    },
    bump(scopes) {
      for (const scope of scopes) versions.set(scope, ++next)
    },
  }
}
