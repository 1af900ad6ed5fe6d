import { takesPlaceOf } from '#permission'
import type { Evidence, Fault } from './reading.ts'

/** A permission that takes the place of another is of that one, later, for no more; and takes the place of each once. */
export function narrowingFaults(e: Evidence): Fault[] {
  const seen = new Set<string>()
  const permissions = e.permissions.flatMap((given) => {
    const { narrows, permission: about } = given.record
    const offered = e.by.offers.get(given.permission.claims.request)?.record.narrows
    if (narrows === undefined && offered === undefined) return []
    const earlier = narrows === undefined ? undefined : e.by.granted.get(narrows)
    if (!earlier || offered !== narrows) return [{ about, detail: 'it takes the place of a permission that is not in the bundle' }]
    if (!takesPlaceOf(given.permission.claims, earlier.permission.claims))
      return [{ about, detail: 'it gives more than the permission whose place it takes' }]
    return seen.size === seen.add(narrows!).size ? [{ about, detail: 'the place of that permission was taken before' }] : []
  })
  const answered = e.requests.flatMap(({ record }) => {
    if (record.offer === undefined || e.by.offers.get(record.offer)?.record.enquiry !== undefined) return []
    return [{ about: record.id, detail: 'it answers an offer that is not in the bundle' }]
  })
  return [...permissions, ...answered]
}
