import { Agent } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { transact } from '#platform/db'
import { dropPayloads } from '#exchange'
import type { Errand, GatewayConfig } from './config.ts'
import { dispatch } from './dispatch.ts'
import { turn, type Cosigners } from './interval.ts'
import { createPeerServer } from './peer-server.ts'
import { posting } from './put.ts'
import { decideRequests } from './requests.ts'
import { createStanding } from './standing.ts'

export type Gateway = {
  /** Begins to listen for peers and starts the clock. */
  start(listen: { host: string; port: number }): Promise<void>
  /** Says that there may be something to do; never needed for correctness, only for speed. */
  poke(): void
  /** True while every outward door and the log signer are shut because this house was rolled back. Intake goes on once what was lost is back. */
  held(): boolean
  stop(): Promise<void>
}

const AFTER_FAULT = 5_000
/** How often a house that holds looks whether it may go on. */
const LOOK = 250

export type Pace = { intervalMilliseconds: number; pollMilliseconds: number }

/** Everything that may sign, seal or send at this node, and nothing else. */
export function createGateway(given: GatewayConfig, pace: Pace): Gateway {
  const known: Cosigners = new Map()
  const stopping = new AbortController()
  const config = { ...given, ending: stopping.signal, agent: new Agent({ keepAlive: true }) }
  const running: Promise<void>[] = []
  const errands = [...(config.errands ?? []), forget]
  const standing = createStanding(config, known, pace.intervalMilliseconds)
  let wake = Promise.withResolvers<void>()
  const poke = () => wake.resolve()
  const server = createPeerServer(config, { afterwards: poke, stance: standing.stance })
  const sleep = (milliseconds: number) => pause(Math.max(0, milliseconds), undefined, { signal: stopping.signal }).catch(() => {})

  /** Zero for nothing done, also where a fault stopped it: the next round tries again. */
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<number> => {
    if (!standing.isOpen()) return 0
    try {
      const done = await work()
      return typeof done === 'number' ? done : 1
    } catch (error) {
      standing.fell(error, `${what}-failed`)
      return 0
    }
  }
  const stand = async () => {
    await standing.step()
    await sleep(standing.isHeld() || standing.isOpen() ? LOOK : pace.pollMilliseconds)
  }
  const loop = async (round: () => Promise<void>) => {
    while (!stopping.signal.aborted) await round()
  }
  const decide = async () => {
    const done = (await attempt('decide', () => decideRequests(config))) + (await attempt('chores', () => chores(config)))
    if (done > 0) return
    await Promise.race([sleep(pace.pollMilliseconds), wake.promise])
    wake = Promise.withResolvers<void>()
  }
  const send = async () => {
    if ((await attempt('dispatch', () => dispatch(config))) === 0) await sleep(pace.pollMilliseconds)
  }
  const run = (errand: Errand) => async () => {
    let rest: number = standing.isOpen() ? AFTER_FAULT : pace.pollMilliseconds
    await attempt('errand', async () => {
      rest = await errand(config)
    })
    await sleep(rest)
  }
  let next = 0
  const tick = async () => {
    const began = Date.now()
    next = Math.max(next + pace.intervalMilliseconds, began)
    await attempt('interval', () => turn(config, known))
    await sleep(next + pace.intervalMilliseconds - Date.now())
  }

  return {
    poke,
    held: standing.isHeld,
    start: async (listen) => {
      await server.listen(listen)
      await standing.step()
      running.push(loop(stand), loop(decide), loop(send), loop(tick), ...errands.map((errand) => loop(run(errand))))
    },
    stop: async () => {
      stopping.abort()
      poke()
      await Promise.all(running)
      config.agent.destroy()
      await server.close()
    },
  }
}

const HOUR = 3_600_000
const FORGOTTEN_TOGETHER = 1000

/** What peers accepted long ago goes: their houses do not come to need it again. */
const forget: Errand = async (config) => {
  const before = new Date(config.makeCtx().now().getTime() - config.times.redeliveryMilliseconds)
  const gone = await transact(config.db, (tx) => dropPayloads(tx, before, FORGOTTEN_TOGETHER))
  return gone === FORGOTTEN_TOGETHER ? 0 : HOUR
}

function chores(config: GatewayConfig): Promise<number> {
  if (!config.chores) return Promise.resolve(0)
  const ctx = config.makeCtx()
  return transact(config.db, (tx) => posting(tx, config, (_put, queue) => config.chores!(tx, queue, ctx), ctx))
}
