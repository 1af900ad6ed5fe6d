import type { NodeName } from '#platform/home'
import type { RoleId, Scope } from '#identity'

/** The small world of a first start. Every organisation and person is invented. */
export type SeedOrganisation = { name: string; identifiers: { scheme: string; id: string }[]; sector: string; sizeBand: string }
/** An agent may act for a client until a year after founding. */
export type SeedMandate = { client: string; givenBy: string; agent: string; scope: Scope[] }
export type SeedPerson = { name: string; node: NodeName; roles: RoleId[]; organisation?: string }

export const organisations: SeedOrganisation[] = [
  {
    name: 'Marlow Fresh Ltd',
    identifiers: [{ scheme: 'companies-house', id: '00000101' }],
    sector: 'Retail and manufacture',
    sizeBand: '50 to 249',
  },
  {
    name: 'Harrow Vale Water plc',
    identifiers: [{ scheme: 'companies-house', id: '00000202' }],
    sector: 'Utilities',
    sizeBand: '1,000 or more',
  },
  { name: 'Pell and Quarry LLP', identifiers: [{ scheme: 'companies-house', id: 'OC000303' }], sector: 'Legal', sizeBand: '10 to 49' },
  {
    name: 'Tarn Managed Services Ltd',
    identifiers: [{ scheme: 'companies-house', id: '00000404' }],
    sector: 'Online Technology and Telecoms',
    sizeBand: '50 to 249',
  },
  {
    name: 'Calder Response Ltd',
    identifiers: [{ scheme: 'companies-house', id: '00000505' }],
    sector: 'General business',
    sizeBand: '1 to 9',
  },
]

const org = (organisation: string, people: [string, ...RoleId[]][]): SeedPerson[] =>
  people.map(([name, ...roles]) => ({ name, node: 'portal', roles, organisation }))
const at = (node: NodeName, people: [string, ...RoleId[]][]): SeedPerson[] => people.map(([name, ...roles]) => ({ name, node, roles }))

export const people: SeedPerson[] = [
  ...org('Marlow Fresh Ltd', [
    ['Asha Bell', 'reporter'],
    ['Gwen Marlow', 'signatory'],
    ['Tomos Reid', 'dpo'],
    ['Nadia Flint', 'counsel'],
    ['Orla Dane', 'client-contact'],
  ]),
  ...org('Harrow Vale Water plc', [
    ['Ines Thorpe', 'reporter'],
    ['Malcolm Avery', 'signatory'],
    ['Priya Hatch', 'dpo'],
    ['Owen Locke', 'counsel'],
  ]),
  ...org('Pell and Quarry LLP', [
    ['Edith Quarry', 'reporter', 'counsel'],
    ['Samir Pell', 'signatory', 'dpo'],
  ]),
  ...org('Tarn Managed Services Ltd', [
    ['Lena Fosse', 'reporter'],
    ['Viktor Tarn', 'signatory'],
    ['Bea Whitlow', 'dpo', 'client-contact'],
  ]),
  ...org('Calder Response Ltd', [
    ['Rhys Calder', 'agent'],
    ['Mina Calder', 'reporter', 'signatory', 'dpo'],
  ]),
  ...at('portal', [
    ['Hal Piper', 'notice-desk'],
    ['Iris Calloway', 'records-officer'],
    ['Petra Lowe', 'administrator'],
    ['Ivo Strand', 'auditor'],
  ]),
  ...at('ncsc', [
    ['Ruth Ambler', 'duty-officer'],
    ['Callum Drey', 'handler'],
    ['Sofia Kerr', 'releasing-officer'],
    ['Hamza Noor', 'threat-reviewer'],
    ['Joan Pike', 'category-approver'],
    ['Theo Marsh', 'legal'],
    ['Ivy Sandell', 'enrolment-officer'],
    ['Ada Winslow', 'press-officer'],
    ['Bram Ellery', 'contact'],
    ['Cleo Hart', 'deputy'],
    ['Dilys Orme', 'own-dpo'],
    ['Ewan Trask', 'records-officer'],
    ['Faye Yardley', 'administrator'],
    ['George Imrie', 'auditor'],
  ]),
  ...at('ico', [
    ['Helen Sayer', 'triage'],
    ['Imran Vale', 'case-officer'],
    ['Jess Corrie', 'investigator'],
    ['Kofi Lund', 'technical-adviser'],
    ['Lydia Frame', 'legal-adviser'],
    ['Mark Upton', 'decision-maker'],
    ['Nell Garside', 'settlement-officer'],
    ['Oscar Dunn', 'senior-approver'],
    ['Pia Renn', 'statistics-releaser'],
    ['Quinn Astley', 'statistics-approver'],
    ['Rosa Blythe', 'information-rights-officer'],
    ['Stan Howell', 'policy'],
    ['Tilda Crane', 'press-officer'],
    ['Uma Selby', 'contact'],
    ['Vic Harding', 'deputy'],
    ['Wren Cole', 'own-dpo'],
    ['Xenia Moss', 'records-officer'],
    ['Yusuf Penn', 'administrator'],
    ['Zara Lyle', 'auditor'],
  ]),
]

/** Two clients of one responder, who must never see of each other. */
export const mandates: SeedMandate[] = [
  { client: 'Marlow Fresh Ltd', givenBy: 'Tomos Reid', agent: 'Rhys Calder', scope: ['read', 'file'] },
  { client: 'Pell and Quarry LLP', givenBy: 'Samir Pell', agent: 'Rhys Calder', scope: ['read', 'file'] },
]
