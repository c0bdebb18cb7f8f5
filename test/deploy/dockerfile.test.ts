import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lastOf, readDockerfile, type Stage } from './chroot/dockerfile.ts'
import { root } from './rendering.ts'

// A linter of our own: the well-known one is no package of npm's nor of Debian's.

const commandsOf = ({ steps }: Stage) => steps.flatMap(step => (step.kind === 'run' ? [step.command] : []))
const places = (stage: Stage) => stage.steps.map(({ kind }) => kind)

/** Each says what is wrong with a file, if anything is. */
const RULES: Record<string, (text: string, stages: Stage[]) => boolean> = {
  'an image without a tag, or one that moves by design': (_, stages) => {
    const own = new Set(stages.map(({ name }) => name))
    return stages.some(({ from }) => !own.has(from) && (!/[:@]/.test(from) || /:latest$/.test(from)))
  },
  'sudo, or a secret as an argument': text =>
    /^RUN .*\bsudo\b/m.test(text) || /^ARG .*(PASSWORD|TOKEN|SECRET)/m.test(text),
  'a folder that depends on another': (_, stages) =>
    stages.some(({ steps }) => steps.some(step => step.kind === 'workdir' && !step.value.startsWith('/'))),
  '`cd` in a step instead of WORKDIR': (_, stages) =>
    stages.some(stage => commandsOf(stage).some(command => /(^|&& )cd /.test(command))),
  'packages of Debian without -y and --no-install-recommends, or with their lists left in the image': (
    _,
    stages,
  ) =>
    stages.some(stage =>
      commandsOf(stage).some(
        command =>
          /apt-get install/.test(command) &&
          !(
            /install .*-y/.test(command) &&
            /--no-install-recommends/.test(command) &&
            /apt-get update &&|apt-get update\s+&&/.test(command) &&
            /rm -rf \/var\/lib\/apt\/lists/.test(command)
          ),
      ),
    ),
  'packages of npm that no lock file holds': (_, stages) =>
    stages.some(stage => commandsOf(stage).some(command => /\bnpm (install|i|update)\b/.test(command))),
  'scripts of packages run as root': (_, stages) =>
    stages.some(stage => commandsOf(stage).some(command => /\bnpm ci\b(?!.*--ignore-scripts)/.test(command))),
  'a pipe whose first half may fail unseen': (_, stages) =>
    stages.some(stage =>
      commandsOf(stage).some(command => /[^|]\|[^|]/.test(command) && !/pipefail/.test(command)),
    ),
  'upgrades, which make two builds of one file differ': text => /apt-get (dist-)?upgrade/.test(text),
  'sources copied before the packages that rarely change': (_, stages) =>
    stages.some(stage => {
      const steps = stage.steps
      const npm = steps.findIndex(step => step.kind === 'run' && /npm ci/.test(step.command))
      const sources = steps.findIndex(
        step =>
          step.kind === 'copy' &&
          !step.from &&
          step.sources.some(source => source === 'src' || source === '.'),
      )
      return npm >= 0 && sources >= 0 && sources < npm
    }),
  'a program that runs as root': (_, stages) =>
    ['root', '0', undefined].includes(lastOf(stages, stages.at(-1)?.name ?? '', 'user')?.value),
  'files that the program’s user is given after it became that user': (_, stages) =>
    stages.some(
      stage =>
        places(stage).lastIndexOf('copy') > places(stage).lastIndexOf('user') &&
        places(stage).includes('user'),
    ),
  'nothing that says whether it works': (_, stages) =>
    lastOf(stages, stages.at(-1)?.name ?? '', 'healthcheck') === undefined,
}

const faultsOf = (text: string): string[] => {
  const stages = readDockerfile(text)
  return Object.entries(RULES).flatMap(([fault, isFound]) => (isFound(text, stages) ? [fault] : []))
}

describe('what a Dockerfile must not have', () => {
  it.each(['Dockerfile', 'deploy/compose/pgbouncer.Dockerfile'])('%s', file => {
    expect(faultsOf(readFileSync(join(root, file), 'utf8'))).toEqual([])
  })

  const GOOD = [
    ...[
      'FROM node:24-bookworm-slim AS made',
      'WORKDIR /app',
      'COPY package.json ./',
      'RUN npm ci --ignore-scripts',
    ],
    ...['COPY src ./src', 'USER node', 'HEALTHCHECK CMD ["true"]', 'ENTRYPOINT ["node"]'],
  ].join('\n')

  it('nothing in a good one', () => expect(faultsOf(GOOD)).toEqual([]))

  it.each([
    ['FROM node:24-bookworm-slim AS made', 'FROM node AS made'],
    ['FROM node:24-bookworm-slim AS made', 'FROM node:latest AS made'],
    ['WORKDIR /app', 'WORKDIR app'],
    ['USER node', 'USER root'],
    ['USER node\n', ''],
    ['HEALTHCHECK CMD ["true"]\n', ''],
    ['npm ci --ignore-scripts', 'npm ci'],
    ['npm ci --ignore-scripts', 'npm install --ignore-scripts'],
    ['npm ci --ignore-scripts', 'cd /app && npm ci --ignore-scripts'],
    ['npm ci --ignore-scripts', 'npm ci --ignore-scripts | tail'],
    ['npm ci --ignore-scripts', 'apt-get update && apt-get install -y curl'],
    ['npm ci --ignore-scripts', 'apt-get update && apt-get upgrade -y'],
    ['COPY package.json ./', 'COPY src ./src'],
    ['USER node', 'USER node\nCOPY migrations ./migrations'],
  ])('one fault is found: %j became %j', (good, bad) => {
    expect(faultsOf(GOOD.replace(good, bad))).toHaveLength(1)
  })

  it('a command that a shell starts, which signals do not reach, and instructions that are not ours, cannot be read', () => {
    expect(() => readDockerfile('FROM a:1\nADD x /x')).toThrow('ADD')
    expect(() => readDockerfile('FROM a:1\nENTRYPOINT node src/main.ts')).toThrow()
  })
})
