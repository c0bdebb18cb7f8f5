import { newId } from '../../lib/id.ts'
import { withLuhn } from '../../lib/luhn.ts'
import { Problem } from '../../lib/problems.ts'
import type { Services } from '../../services.ts'
import { linkMeter } from './link.ts'

/**
 * Links customers of the simulated world to what it says is theirs: the phone +22177n owns the prepaid meter 141n, its
 * check digit after it, and the contract account 100n. What is linked stays as it is. Refuses to run outside the demo.
 */
export async function linkDemoMeters(
  services: Services,
  customers: readonly { id: string; phone: string }[],
): Promise<void> {
  if (services.config.mode !== 'embedded') throw new Error('Demo meters exist in the embedded mode only.')
  for (const { id, phone } of customers) {
    const digits = phone.slice(-7)
    const ctx = {
      ...services,
      caller: { id, role: 'customer', agencyId: null, sessionId: '' },
      language: 'fr',
      requestId: newId(),
      ip: '127.0.0.1',
    } as const
    for (const meter of [
      { kind: 'prepaid', number: withLuhn(`141${digits}`) },
      { kind: 'postpaid', number: `100${digits}` },
    ] as const) {
      await linkMeter(ctx, meter).catch(error => {
        if (!(error instanceof Problem && error.code === 'already_linked')) throw error
      })
    }
  }
}
