import { NOT_YET_KNOWN, known, type Finding } from './veris-finding.ts'
import { UNKNOWN, type Veris } from './veris-form.ts'
import { cyberActions, cyberVarieties, devices, otherVarieties, paper, typeByAsset, typeOfVariety } from './veris-words.ts'

/** What was done, by whom, and by which way in. */
export function actionFindings(veris: Veris): Finding[] {
  return [...kindOfIncident(veris), ...cause(veris), ...route(veris)]
}

type Deed = { kind: string; varieties: string[] }

function actionsOf({ action = {} }: Veris): Deed[] {
  return Object.entries(action).map(([kind, { variety }]) => ({ kind, varieties: known(variety) }))
}

/** Whether these actions are a cyber incident: yes, no, nobody knows, or VERIS does not say. */
function cyberOf(veris: Veris): 'Yes' | 'No' | 'unknown' | 'unclear' {
  const actions = actionsOf(veris).filter(({ kind }) => kind !== 'unknown')
  if (actions.length === 0) return 'unknown'
  const each = actions.flatMap(({ kind, varieties }) => varieties.map((variety) => `${kind} ${variety}`))
  if (actions.some(({ kind }) => cyberActions.has(kind)) || each.some((one) => cyberVarieties.has(one))) return 'Yes'
  return actions.every(({ varieties }) => varieties.length > 0) && each.every((one) => otherVarieties.has(one)) ? 'No' : 'unclear'
}

function kindOfIncident(veris: Veris): Finding[] {
  const { action } = veris
  if (action === undefined || Object.keys(action).length === 0) return []
  const cyber = cyberOf(veris)
  const values = { Yes: 'Yes', No: 'No', unknown: NOT_YET_KNOWN }
  const first: Finding =
    cyber === 'unclear'
      ? { path: 'action', reason: 'VERIS does not say whether this was a cyber incident (q21): choose' }
      : { question: 'q21', value: values[cyber], from: 'action', says: [] }
  return [first, ...typeOfIncident(veris)]
}

function typeOfIncident(veris: Veris): Finding[] {
  const actions = actionsOf(veris)
  if (actions.every(({ kind, varieties }) => kind === 'unknown' || (kind !== 'malware' && varieties.length === 0)))
    return [{ question: 'q22-type', value: NOT_YET_KNOWN, from: 'action', says: [] }]
  const types = new Set(actions.flatMap((action) => typesOf(action, veris)))
  const [only] = types
  if (types.size === 1 && only !== undefined) return [{ question: 'q22-type', value: only, from: 'action', says: [] }]
  const several = [...types].filter((one) => one !== undefined)
  const reason = several.length > 1 ? `Several types fit (q22-type): ${several.join(' / ')}` : 'No one type of q22-type is sure: choose'
  return [{ path: 'action', reason }]
}

/** Undefined stands for an action that no type is sure for. */
function typesOf({ kind, varieties }: Deed, veris: Veris): (string | undefined)[] {
  if (kind === 'malware') return [varieties.includes('Ransomware') ? 'Ransomware' : 'Malware']
  if (varieties.length === 0) return [undefined]
  return varieties.map((variety) => typeOfVariety[`${kind} ${variety}`] ?? typeFromAssets(`${kind} ${variety}`, veris))
}

function typeFromAssets(action: string, { asset, attribute }: Veris): string | undefined {
  const types = typeByAsset[action]
  const assets = asset?.assets?.map(({ variety }) => variety) ?? []
  if (types === undefined || assets.length === 0) return undefined
  if (assets.every((one) => paper.has(one))) return types.paper
  const personal = attribute?.confidentiality?.data?.some(({ variety }) => variety === 'Personal' || variety === 'Medical')
  return personal && assets.every((one) => devices.has(one)) ? types.device : undefined
}

/** The codes in words: kinds and varieties of action, what sort of actor, which control failed. */
function cause(veris: Veris): Finding[] {
  const lines = [...deedLines(veris), ...actorLines(veris), ...controlLines(veris)]
  const kinds = (part: 'action' | 'actor', words: string[]) =>
    Object.keys(veris[part] ?? {}).flatMap((kind) => words.map((word) => `${part}.${kind}.${word}`))
  const says = [...kinds('action', ['variety']), ...kinds('actor', ['variety', 'motive']), 'control_failure']
  if (lines.length > 0) return [{ question: 'q24-cause', value: lines.join('\n'), from: says[0]!, says }]
  return says.length === 1 ? [] : [{ question: 'q24-cause', value: NOT_YET_KNOWN, from: says[0]!, says }]
}

function deedLines(veris: Veris): string[] {
  const sure = actionsOf(veris).filter(({ kind }) => kind !== 'unknown')
  return sure.map(({ kind, varieties }) => `Action: ${withNames(kind, varieties)}`)
}

function actorLines({ actor = {} }: Veris): string[] {
  const sure = Object.entries(actor).filter(([kind]) => kind !== 'unknown')
  return sure.map(([kind, { variety, motive }]) => {
    const motives = known(motive)
    return `Actor: ${withNames(kind, known(variety))}${motives.length > 0 ? `; motive: ${motives.join(', ')}` : ''}`
  })
}

function controlLines({ control_failure: failed = '' }: Veris): string[] {
  return failed.trim() === '' || failed.trim() === UNKNOWN ? [] : [`Control that failed: ${failed.trim()}`]
}

function withNames(kind: string, names: string[]): string {
  return names.length > 0 ? `${kind}: ${names.join(', ')}` : kind
}

function route(veris: Veris): Finding[] {
  const actions = Object.entries(veris.action ?? {}).filter(([, { vector }]) => vector !== undefined)
  if (actions.length === 0) return []
  const says = actions.map(([kind]) => `action.${kind}.vector`)
  const lines = actions
    .map(([kind, { vector }]) => ({ kind, vectors: known(vector) }))
    .filter(({ vectors }) => vectors.length > 0)
    .map(({ kind, vectors }) => withNames(kind, vectors))
  return [{ question: 'q24-route', value: lines.length > 0 ? lines.join('\n') : NOT_YET_KNOWN, from: says[0]!, says }]
}
