import { describeFault } from '#platform/log'
import { resume } from '#ledger'
import type { RunningGateway } from './config.ts'
import { beginHold, holdOn, holdState } from './holding.ts'
import { askCosigners, Held, type Cosigners } from './interval.ts'
import type { Stance } from './peer-server.ts'

/**
 * Whether this house may act. Waking: nobody has said yet that its database is as new as what they know of its log. Recovering: it is not,
 * and what is missing is taken back. Recovered: it waits for two people. In none of these is anything decided, signed or sent.
 */
export type Standing = {
  isOpen(): boolean
  isHeld(): boolean
  stance(): Stance
  /** One step towards being open. Never throws. */
  step(): Promise<void>
  /** What a piece of work came to grief of: evidence of an old database shuts this house. */
  fell(error: unknown, event: string): void
}

export function createStanding(config: RunningGateway, known: Cosigners, intervalMilliseconds: number): Standing {
  let state: 'waking' | 'open' | 'recovering' | 'recovered' = 'waking'
  let unwritten: Held | undefined
  let told = ''

  const fell = (error: unknown, event: string) => {
    const isHeld = error instanceof Held
    if (isHeld) [state, unwritten] = ['recovering', error]
    config.makeCtx().log.error({ event: isHeld ? 'held-after-rollback' : event, ...describeFault(error) })
  }
  /** Nothing is signed before somebody else has said what they know of our log. A house without peers has nobody to ask. */
  const wakeUp = async () => {
    if ((await holdState(config.db)) !== 'open') {
      state = 'recovering'
      return
    }
    const heard = await askCosigners(config, known)
    if (heard === 0 && Object.keys(config.peers).length > 0) return
    await resume(config.db, config.ledger)
    state = 'open'
  }
  const hold = async () => {
    // What was found stays on record before anything else: a restart must not forget it.
    if (unwritten) await beginHold(config, unwritten.note)
    unwritten = undefined
    state = (await holdOn(config, intervalMilliseconds))
      ? 'open'
      : (await holdState(config.db)) === 'recovered'
        ? 'recovered'
        : 'recovering'
  }

  return {
    fell,
    isOpen: () => state === 'open',
    isHeld: () => state === 'recovering' || state === 'recovered',
    stance: () => ({ takesIn: state === 'open' || state === 'recovered', cosigns: state === 'open' }),
    step: async () => {
      if (state === 'open') return
      await (state === 'waking' ? wakeUp() : hold()).then(
        () => (told = ''),
        (error: Error) => {
          // What keeps it from going on is told once, not at every step.
          const same = `${state} ${error.name} ${error.message}`
          if (told !== same || error instanceof Held) fell(error, `${state}-failed`)
          told = same
        },
      )
    },
  }
}
