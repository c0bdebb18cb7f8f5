export const PROXY_MODES = ['h2', 'http1', 'tunnel'] as const
export const PROXY_TROUBLES = ['none', 'slow', 'hang', 'refuse', 'down'] as const

/** What the proxy is told to do. */
export interface ProxyBehaviour {
  /**
   * `h2`: intercepts and speaks what both ends can, HTTP/2 first. `http1`: intercepts and knows HTTP/1.1 alone, as many
   * of these boxes do. `tunnel`: passes bytes without looking. Holds for tunnels that are opened from then on.
   */
  mode: (typeof PROXY_MODES)[number]
  /**
   * `slow`: everything takes `latencyMs` more in each direction. `hang`: takes everything and passes nothing on.
   * `refuse`: new tunnels are answered with 503. `down`: every connection is reset, open or new.
   */
  trouble: (typeof PROXY_TROUBLES)[number]
  latencyMs: number
}

export const USUAL: ProxyBehaviour = { mode: 'h2', trouble: 'none', latencyMs: 0 }
