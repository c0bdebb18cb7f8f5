// Reads the part of Dockerfiles that ours use. An instruction that it does not know is an error, never skipped.

export interface Stage {
  name: string
  /** Another stage’s name, or an image. */
  from: string
  steps: Step[]
}

export type Step =
  | { kind: 'run'; command: string }
  | { kind: 'copy'; from?: string; sources: string[]; target: string }
  | { kind: 'workdir'; value: string }
  | { kind: 'user'; value: string }
  | { kind: 'env'; values: Record<string, string> }
  | { kind: 'entrypoint'; command: string[] }
  | { kind: 'cmd'; command: string[] }
  | { kind: 'healthcheck'; command: string[] }

/** Instructions that say something about the image and change nothing of it. */
const TOLD = new Set(['LABEL', 'EXPOSE'])

/** Stages in their order, with arguments (`ARG`, at their defaults) filled in. */
export function readDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter(line => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
  const values: Record<string, string> = {}
  const stages: Stage[] = []
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    if (word === 'ARG') {
      const [name = '', value = ''] = rest.split('=')
      values[name] ??= value
    } else if (word === 'FROM') {
      const [image = '', , name = String(stages.length)] = fill(rest, values).split(/\s+/)
      stages.push({ name, from: image, steps: [] })
    } else if (!TOLD.has(word)) {
      const stage = stages.at(-1)
      if (!stage) throw new Error(`${word} stands before the first FROM`)
      stage.steps.push(readStep(word, rest))
    }
  }
  return stages
}

function readStep(word: string, rest: string): Step {
  switch (word) {
    case 'RUN':
      return { kind: 'run', command: rest }
    case 'COPY': {
      const [, from, paths = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest) ?? []
      const sources = paths.split(/\s+/)
      return { kind: 'copy', sources, target: sources.pop() ?? '', ...(from ? { from } : {}) }
    }
    case 'WORKDIR':
      return { kind: 'workdir', value: rest }
    case 'USER':
      return { kind: 'user', value: rest }
    case 'ENV':
      return {
        kind: 'env',
        values: Object.fromEntries(rest.split(/\s+/).map(pair => pair.split(/=(.*)/s).slice(0, 2))),
      }
    case 'ENTRYPOINT':
    case 'CMD':
      return { kind: word === 'CMD' ? 'cmd' : 'entrypoint', command: JSON.parse(rest) }
    case 'HEALTHCHECK':
      return { kind: 'healthcheck', command: JSON.parse(rest.replace(/^.*?\bCMD\s+/, '')) }
    default:
      throw new Error(`${word} is an instruction that is not known here`)
  }
}

const fill = (text: string, values: Record<string, string>): string =>
  text.replace(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? '')

/** What the whole chain of stages says of one thing, the last word counting. */
export function lastOf<Kind extends Step['kind']>(
  stages: readonly Stage[],
  name: string,
  kind: Kind,
): Extract<Step, { kind: Kind }> | undefined {
  const stage = stages.find(one => one.name === name)
  if (!stage) return undefined
  const own = stage.steps.findLast((step): step is Extract<Step, { kind: Kind }> => step.kind === kind)
  return own ?? lastOf(stages, stage.from, kind)
}
