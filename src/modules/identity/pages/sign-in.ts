import { join } from 'node:path'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { answer, localPath, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { closeSession, openSession } from '../credentials.ts'
import { people, type Person } from '../people.ts'
import { isRole, roles, rolesInWords } from '../roles.ts'

const template = join(import.meta.dirname, 'sign-in.njk')

/** Trying out: whoever comes chooses who to be. */
export function signInPage(db: Db): Page {
  return { path: '/sign-in', who: 'anyone', asOneself: true, show: (visit) => show(db, visit), submit: (visit) => submit(db, visit) }
}

async function show(db: Db, { form }: Visit): Promise<Outcome> {
  const chosen = answer(form, 'person')
  return view(template, { title: 'Choose who to sign in as', button: 'Sign in', groups: groupsOf(await people(db), chosen) })
}

async function submit(db: Db, visit: Visit): Promise<Outcome | Refusal> {
  const { form, query, ctx, session: before } = visit
  const id = answer(form, 'person')
  if (id === '') return invalid({ field: 'person', message: 'Choose who to sign in as' })
  const person = (await people(db)).find((one) => one.id === id)
  if (person === undefined) throw new Refusal('not-signed-in')
  const session = await transact(db, async (tx) => {
    if (before !== undefined) await closeSession(tx, before, ctx)
    return openSession(tx, { person: person.id }, ctx)
  })
  return redirect(localPath(query['to']) ?? '/status', { session })
}

type Choice = { id: string; value: string; text: string; hint: { text: string }; checked: boolean }
type Group = { name: string; choices: Choice[] }

/** By organisation, and within a body by team. The first choice of all bears the field's name, so that a mistake can point at it. */
function groupsOf(everybody: Person[], chosen: string): Group[] {
  const groups = Map.groupBy(everybody, teamOf)
  const first = [...groups.values()][0]?.[0]
  return [...groups].map(([name, members]) => ({
    name,
    choices: members.map((person) => ({
      id: person === first ? 'person' : `person-${person.id}`,
      value: person.id,
      text: person.name,
      hint: { text: rolesInWords(person.roles) },
      checked: person.id === chosen,
    })),
  }))
}

function teamOf({ organisation, roles: held }: Person): string {
  const role = held.find(isRole)
  return organisation?.name ?? (role ? roles[role].team : 'Others')
}
