import type { Laboratory } from '../lib/laboratory.ts'
import type { Machine } from '../lib/places.ts'

interface Said {
  component: string
  state: string
  what: string
  remedy?: string
}

/** The doctor, from one of the servers; its exit code tells of faults, which drills want. */
export async function doctor(lab: Laboratory, machine: Machine): Promise<Said[]> {
  const text = await lab.on(machine, ['sh', '-c', 'samaconso doctor --json --lang fr || true'])
  return (JSON.parse(text) as { checks: Said[] }).checks
}
