import type { TryFile } from './try-file.ts'

/**
 * Incidents at different stages, told through the front door as the people of the small world would: a draft that is filed with
 * nobody, a report to both bodies, a report to the NCSC alone with a note and a finding, and a request that waits for an answer.
 */
export async function tellStories(world: TryFile): Promise<void> {
  const as = (name: string) => {
    const person = world.people.find((one) => one.name === name)!
    return async (method: string, path: string, body?: unknown) => {
      const response = await fetch(`${world.nodes[person.node].url}/api/v1${path}`, {
        method,
        headers: { 'authorization': `Bearer ${person.token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
      return (await response.json()) as Record<string, unknown> & { id: string }
    }
  }
  const lawFirm = as('Edith Quarry')
  const water = as('Ines Thorpe')
  const services = as('Lena Fosse')
  await lawFirm('POST', '/incidents', { title: 'Mailbox of a fee earner opened by somebody else' })

  const both = ['ico', 'ncsc']
  const outage = await water('POST', '/incidents', { title: 'Customer portal down after an intrusion' })
  await water('POST', `/incidents/${outage.id}/reports`, {
    stage: 'initial',
    submit: true,
    answers: [
      { question: 'q19', value: 'Somebody got into the customer portal and took it down. Water supply is not affected.', audience: both },
      { question: 'q21', value: 'Yes', audience: both },
    ],
  })

  const supplier = await services('POST', '/incidents', { title: 'Remote management tool misused' })
  const filed = await services('POST', `/incidents/${supplier.id}/reports`, {
    stage: 'initial',
    submit: true,
    answers: [
      { question: 'q19', value: 'Our remote management tool was used to push unknown software to eleven customers.', audience: ['ncsc'] },
    ],
  })
  await askAbout(as('Callum Drey'), (filed as unknown as { submissions: { reference: string }[] }).submissions[0]!.reference)
}

async function askAbout(
  handler: (method: string, path: string, body?: unknown) => Promise<Record<string, unknown> & { id: string }>,
  reference: string,
): Promise<void> {
  const { cases } = (await handler('GET', '/cases')) as unknown as { cases: { id: string; reference: string }[] }
  const found = cases.find((one) => one.reference === reference)
  if (!found) return
  await handler('POST', `/cases/${found.id}/notes`, { text: 'Spoke to the duty engineer; tool isolated.' })
  const finding = await handler('POST', `/cases/${found.id}/findings`, {
    text: 'The tool was reached with a stolen session; the fix had been out for nine days.',
  })
  const until = new Date(Date.now() + 30 * 86_400_000).toISOString()
  await handler('POST', `/cases/${found.id}/permission-requests`, {
    items: [finding.id],
    to: 'ico',
    purpose: 'incident-response',
    until,
    reason: 'The ICO will ask how they got in; only we can say.',
  })
}
