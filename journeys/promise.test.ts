import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { atIco, caseOf, discloses, eventually, permitted, settled, startNetwork, type Network } from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

test('[consent-before-disclosure] what was permitted reaches the ICO with its permission; what was not is refused and leaves no trace there', async () => {
  const { case: found, finding, permission, submissions } = await permitted(network)
  const officer = network.as('Sofia Kerr')
  const refused = await discloses(officer, found.id, [finding, ...found.items.map((item: any) => item.id)])
  assert.equal(refused.status, 403)
  assert.deepEqual(
    [refused.body.code, refused.body.clause, refused.body.items.sort()],
    ['item-not-permitted', 'consent-before-disclosure', found.items.map((item: any) => item.id).sort()],
  )
  const sent = await discloses(officer, found.id, [finding])
  assert.equal(sent.status, 201)
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  const there = await caseOf(network.as('Imran Vale'), submissions['ico'].reference)
  const kept = there.items.find((item: any) => item.id === finding)
  assert.deepEqual([kept.via, kept.permission], ['permission', permission])
  assert.equal(there.items.length, 2, 'its own answer and the finding, nothing else')
})

test('[consent-before-disclosure] after an acknowledged withdrawal nothing is sent, and what had left is restricted at the ICO', async () => {
  const { case: found, finding, permission } = await permitted(network)
  const officer = network.as('Sofia Kerr')
  const sent = await discloses(officer, found.id, [finding])
  await settled(officer, sent.body.id)
  const withdrawn = await network.as('Asha Bell').post(`/permissions/${permission}/withdrawal`, {})
  assert.deepEqual([withdrawn.status, withdrawn.body.state], [200, 'withdrawn'])
  const receipt = JSON.parse(Buffer.from(withdrawn.body.receipt.split('.')[1], 'base64url').toString())
  assert.deepEqual([receipt.left, receipt.stopped, receipt.mayHaveLeft], [[sent.body.id], [], []])
  const refused = await discloses(officer, found.id, [finding])
  assert.deepEqual([refused.status, refused.body.code], [403, 'permission-withdrawn'])
  const restricted = await eventually(async () => {
    const item = await atIco(network, finding)
    return item.restricted && item
  })
  assert.equal(restricted.value, undefined)
})
