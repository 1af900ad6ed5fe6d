import { pino } from 'pino'

/** What a log line may carry. Nothing a person wrote has a place here: no text of answers, no names, no messages of caught errors. */
export type LogFields = {
  event: string
  node?: string
  part?: string
  code?: string
  status?: number
  route?: string
  reference?: string
  milliseconds?: number
  count?: number
  port?: number
  error?: string
  at?: string
}

export type Log = { info(fields: LogFields): void; warn(fields: LogFields): void; error(fields: LogFields): void }

export function createLog(level: string, node: string, part: string, destination?: { write(line: string): void }): Log {
  const logger = pino({ level, base: { node, part }, timestamp: pino.stdTimeFunctions.isoTime }, destination ?? pino.destination(2))
  return {
    info: (fields) => logger.info(fields),
    warn: (fields) => logger.warn(fields),
    error: (fields) => logger.error(fields),
  }
}

export const silentLog: Log = { info() {}, warn() {}, error() {} }

/** A fault as a log line may tell it: its class, its code and where in our code; never its message, which may quote a value. */
export function describeFault(error: unknown): { error: string; code?: string; at?: string } {
  if (!(error instanceof Error)) return { error: typeof error }
  const code = (error as { code?: unknown }).code
  const frame = error.stack?.split('\n').find((line) => line.includes('/src/'))
  const at = frame?.match(/\/(src\/[^\s)]+)/)?.[1]
  return { error: error.name, ...(typeof code === 'string' && { code }), ...(at !== undefined && { at }) }
}
