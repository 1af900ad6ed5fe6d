import { fastify, type FastifyInstance } from 'fastify'
import { headsFile } from './heads-file.ts'
import type { WitnessedLog, WitnessState } from './witness-state.ts'

/**
 * What a witness shows to everybody, and all it shows: for each log the last head it cosigned, and both notes wherever it found two that
 * contradict each other. Nothing can be sent to it.
 */
export function createWitnessServer(logs: readonly WitnessedLog[], state: WitnessState): FastifyInstance {
  const app = fastify({ bodyLimit: 1024, logger: false, forceCloseConnections: true })
  app.get('/witness/heads', async (_request, reply) => {
    const last = await Promise.all(logs.map(({ origin }) => state.last(origin)))
    const accusing = (await Promise.all(logs.map(({ origin }) => state.evidence(origin)))).flat()
    const notes = accusing.flatMap((text) => (JSON.parse(text) as { heads: string[] }).heads)
    return reply.type('application/json').send(headsFile([...last.filter((note) => note !== undefined), ...notes]))
  })
  app.get('/witness/*', async (request, reply) => {
    const origin = (request.params as { '*': string })['*']
    const note = logs.some((log) => log.origin === origin) ? await state.last(origin) : undefined
    return note === undefined ? reply.code(404).send() : reply.type('text/plain; charset=utf-8').send(note)
  })
  return app
}
