import { setTimeout as pause } from 'node:timers/promises'
import { transact } from '#platform/db'
import { describeFault } from '#platform/log'
import { resume } from '#ledger'
import type { GatewayConfig } from './config.ts'
import { dispatch } from './dispatch.ts'
import { turn, type KnownSizes } from './interval.ts'
import { createPeerServer } from './peer-server.ts'
import { queueOf } from './put.ts'
import { decideRequests } from './requests.ts'

export type Gateway = {
  /** Begins to listen for peers and starts the clock. */
  start(listen: { host: string; port: number }): Promise<number>
  /** Says that there may be something to do; never needed for correctness, only for speed. */
  poke(): void
  /** One interval by hand: decide, close, cosign, send, settle. For tests that fake the clock. */
  turn(): Promise<void>
  stop(): Promise<void>
}

export type Pace = { intervalMilliseconds: number; pollMilliseconds: number }

/** Everything that may sign, seal or send at this node, and nothing else. */
export function createGateway(config: GatewayConfig, pace: Pace): Gateway {
  const known: KnownSizes = new Map()
  const loops: Promise<void>[] = []
  const stopping = new AbortController()
  let wake = Promise.withResolvers<void>()
  const poke = () => wake.resolve()
  const server = createPeerServer(config, poke)

  const guarded = async (what: string, work: () => Promise<unknown>) => {
    try {
      return await work()
    } catch (error) {
      config.makeCtx().log.error({ event: `${what}-failed`, ...describeFault(error) })
      await sleep(200)
      return 0
    }
  }
  const sleep = (milliseconds: number) => pause(milliseconds, undefined, { signal: stopping.signal }).catch(() => {})

  const work = async () => {
    while (!stopping.signal.aborted) {
      const decided = await guarded('decide', () => decideRequests(config))
      const settled = await guarded('chores', () => chores(config))
      if (!decided && !settled) {
        await Promise.race([sleep(pace.pollMilliseconds), wake.promise])
        wake = Promise.withResolvers<void>()
      }
    }
  }
  const send = async () => {
    while (!stopping.signal.aborted) if (!(await guarded('dispatch', () => dispatch(config)))) await sleep(pace.pollMilliseconds)
  }
  const clock = async () => {
    for (let next = Date.now(); !stopping.signal.aborted; ) {
      await guarded('interval', () => turn(config, known))
      next = Math.max(next + pace.intervalMilliseconds, Date.now() - pace.intervalMilliseconds)
      await sleep(Math.max(0, next - Date.now()))
    }
  }

  return {
    poke,
    start: async (listen) => {
      await resume(config.db, config.ledger)
      await server.listen(listen)
      loops.push(work(), send(), clock())
      return (server.server.address() as { port: number }).port
    },
    turn: async () => {
      while (await decideRequests(config));
      await turn(config, known)
      while (await dispatch(config));
      await chores(config)
    },
    stop: async () => {
      stopping.abort()
      poke()
      await Promise.all(loops)
      await server.close()
    },
  }
}

function chores(config: GatewayConfig): Promise<number> {
  if (!config.chores) return Promise.resolve(0)
  return transact(config.db, (tx) => config.chores!(tx, queueOf(config), config.makeCtx()))
}
