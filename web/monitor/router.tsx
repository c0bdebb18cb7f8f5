import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router'
import { AuditPage } from './pages/audit.tsx'
import { BroadcastsPage } from './pages/broadcasts.tsx'
import { DuePage } from './pages/due.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { ParkedPage } from './pages/parked.tsx'
import { QueuesPage } from './pages/queues.tsx'
import { TaskPage } from './pages/task.tsx'
import { readFilter, TasksPage } from './pages/tasks.tsx'
import { WorkerPage } from './pages/worker.tsx'
import { WorkersPage } from './pages/workers.tsx'
import { NotFound, Shell } from './shell.tsx'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })
const at = <P extends string>(path: P, component: () => React.ReactNode) =>
  createRoute({ getParentRoute: () => root, path, component })

const tree = root.addChildren([
  at('/', OverviewPage),
  at('/workers', WorkersPage),
  at('/workers/$name', WorkerPage),
  // Filters live in the address, so that a view can be kept and sent.
  createRoute({
    getParentRoute: () => root,
    path: '/tasks',
    component: TasksPage,
    validateSearch: readFilter,
  }),
  at('/tasks/$id', TaskPage),
  at('/queues', QueuesPage),
  at('/parked', ParkedPage),
  at('/due', DuePage),
  at('/broadcasts', BroadcastsPage),
  at('/audit', AuditPage),
])

export const router = createRouter({ routeTree: tree })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
