/** The directions that docs/architecture.md allows; anything else fails `npm run check`. */
const layer = (name, allowed) => ({
  name: `${name}-knows-only-its-floor`,
  severity: 'error',
  from: { path: `^src/${name}/`, pathNot: '\\.(test|contract)\\.ts$' },
  to: { path: '^src/', pathNot: `^src/(${[name, ...allowed, 'lib', 'config\\.ts'].join('|')})` },
})

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'lib-stands-alone',
      severity: 'error',
      from: { path: '^src/lib/' },
      to: { path: '^src/', pathNot: '^src/lib/' },
    },
    layer('db', ['observability']),
    layer('cache', ['observability']),
    layer('storage', ['observability']),
    layer('backoffice', ['observability']),
    layer('channels', ['observability']),
    layer('tasks', ['db', 'cache', 'observability']),
    layer('http', ['db', 'cache', 'observability']),
    {
      name: 'modules-do-not-know-roles',
      severity: 'error',
      from: { path: '^src/modules/', pathNot: '\\.(test|contract)\\.ts$' },
      to: { path: '^src/(roles|monitor|operations|main\\.ts)' },
    },
    {
      name: 'modules-meet-at-the-door',
      comment: 'Another module is reached through its index.ts alone.',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/', pathNot: '\\.(test|contract)\\.ts$' },
      to: { path: '^src/modules/', pathNot: ['^src/modules/$1/', '^src/modules/[^/]+/index\\.ts$'] },
    },
    {
      name: 'sql-is-private',
      severity: 'error',
      from: { path: '^src/modules/([^/]+)/' },
      to: { path: '^src/modules/[^/]+/sql\\.ts$', pathNot: '^src/modules/$1/' },
    },
    {
      name: 'src-does-not-know-the-outside',
      comment: 'Only roles/all.ts may start the simulators, by dynamic import.',
      severity: 'error',
      from: { path: '^src/', pathNot: '(^src/roles/all\\.ts$|\\.(test|contract)\\.ts$)' },
      to: { path: '^(simulators|lab|bench|test)/' },
    },
    {
      name: 'only-config-reads-the-environment-file',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(config|main)\\.ts$' },
      to: { path: '^dotenv' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
