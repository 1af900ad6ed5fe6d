import { after, before, test } from 'node:test'
import { randomUUID } from 'node:crypto'
import { nodeNames, type NodeName } from '#platform/home'
import { isRole } from '#identity'
import { reports, startNetwork, type Network } from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())
test('dump', async () => {
  const one = await reports(network.as('Asha Bell'), [{ question: 'q19', value: 'x', audience: ['ncsc'] }])
  for (const node of nodeNames) {
    const url = network.world.nodes[node].url
    const api = (await (await fetch(`${url}/api/openapi.json`)).json()) as any
    for (const [path, methods] of Object.entries<any>(api.paths)) for (const method of Object.keys(methods)) {
      const refused: string[] = [], may: string[] = []
      let said = ''
      const marlow = ['Asha Bell','Gwen Marlow','Tomos Reid','Nadia Flint','Orla Dane','Rhys Calder','Hal Piper','Petra Lowe','Ivo Strand']
      for (const person of [...network.world.people.filter((p: any) => p.node === node && (node !== 'portal' || marlow.includes(p.name))), undefined]) {
        const at = path.replace(/\{(\w+)\}/g, () => path.startsWith('/incidents') ? one.incident : randomUUID())
        const client = person?.name === 'Rhys Calder' ? (person as any).clients[0].id : undefined
        const r = await fetch(`${url}/api/v1${at}`, { method: method.toUpperCase(), headers: { ...(person && { authorization: `Bearer ${person.token}` }), ...(client && {'on-behalf-of': client}), ...(method !== 'get' && { 'content-type': methods[method].requestBody?.content?.['application/octet-stream'] ? 'application/octet-stream' : 'application/json' }) }, ...(method !== 'get' && { body: '{}' }) })
        const body = await r.json().catch(() => ({})) as any
        const no = ['role-missing','not-signed-in'].includes(body.code)
        ;(no ? refused : may).push(person ? person.roles[0]! : 'nobody')
        if (!no) said = `${r.status} ${body.code ?? ''} ${JSON.stringify(body.mistakes ?? '').slice(0, 90)}`
      }
      console.log(node, method.toUpperCase(), path, '|', methods[method].description?.slice(0,40), '|', refused.length === 0 ? 'ALL' : may.join(' '), '|', said)
    }
  }
})
