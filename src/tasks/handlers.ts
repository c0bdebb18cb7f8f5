import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { Handler, TaskDefinition } from './types.ts'

export interface Registered {
  task: TaskDefinition
  validator: Validator
  handler: Handler
}

/** The handlers of a worker: each task once. */
export class Handlers {
  readonly #byName = new Map<string, Registered>()

  on<Schema extends TSchema>(
    task: TaskDefinition<Schema>,
    handler: (payload: Static<Schema>, context: Parameters<Handler>[1]) => Promise<void>,
  ): void {
    if (this.#byName.has(task.name)) throw new Error(`Task ${task.name} has two handlers.`)
    this.#byName.set(task.name, {
      task,
      validator: Compile(task.payload),
      handler: handler as Handler,
    })
  }

  /** The tasks that have a handler, by name. */
  tasks(): TaskDefinition[] {
    const all = [...this.#byName.values()].map(({ task }) => task)
    return all.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  get(name: string): Registered | undefined {
    return this.#byName.get(name)
  }
}
