/**
 * What the words of VERIS are in the lists that are chosen from here. VERIS enumerations: github.com/vz-risk/veris, CC BY-SA 4.0;
 * the lists: vocabularies.json. Which word stands for which is derived, by us: where more than one could, none does.
 */

/** North American industry codes, the longest that fits counting. Sectors the list cuts differently (52 and 5411 apart) are left. */
export const sectorOfIndustry: Readonly<Record<string, string>> = {
  '22': 'Utilities',
  '31': 'Retail and manufacture',
  '32': 'Retail and manufacture',
  '33': 'Retail and manufacture',
  '44': 'Retail and manufacture',
  '45': 'Retail and manufacture',
  '48': 'Transport and leisure',
  '49': 'Transport and leisure',
  '517': 'Online Technology and Telecoms',
  '518': 'Online Technology and Telecoms',
  '52': 'Finance, insurance and credit',
  '53': 'Land or property services',
  '5411': 'Legal',
  '5418': 'Marketing',
  '61': 'Education and childcare',
  '621': 'Health',
  '622': 'Health',
  '6244': 'Education and childcare',
  '6241': 'Social care',
  '71': 'Transport and leisure',
  '8131': 'Religious',
  '8132': 'Charitable and voluntary',
  '8133': 'Charitable and voluntary',
  '8139': 'Membership association',
  '9221': 'Justice',
}

/** Only bands that lie within one of ours. */
export const staffBand: Readonly<Record<string, string>> = {
  '1001 to 10000': '1,000 and above',
  '10001 to 25000': '1,000 and above',
  '25001 to 50000': '1,000 and above',
  '50001 to 100000': '1,000 and above',
  'Over 100000': '1,000 and above',
}

/** Kinds of action that are cyber incidents whatever their variety, and varieties of others that are, or are not. */
export const cyberActions: ReadonlySet<string> = new Set(['malware', 'hacking'])
export const cyberVarieties: ReadonlySet<string> = new Set(['social Phishing'])
export const otherVarieties: ReadonlySet<string> = new Set([
  'error Misdelivery',
  'error Loss',
  'error Disposal error',
  'physical Theft',
  'environmental Fire',
  'environmental Power failure',
  'environmental Humidity',
])

export const typeOfVariety: Readonly<Record<string, string>> = {
  'malware Ransomware': 'Ransomware',
  'hacking Brute force': 'Brute Force',
  'hacking DoS': 'Denial of service',
  'hacking Use of stolen creds': 'Unauthorised access',
  'social Phishing': 'Phishing',
  'misuse Privilege abuse': 'Unauthorised access',
  'error Misconfiguration': 'Hardware/software misconfiguration',
}

/** Types that depend on what was lost, stolen or thrown away as well. */
export const typeByAsset: Readonly<Record<string, { paper: string; device: string }>> = {
  'error Loss': {
    paper: 'Loss/theft of paperwork or data left in insecure location',
    device: 'Loss/theft of device containing personal data',
  },
  'physical Theft': {
    paper: 'Loss/theft of paperwork or data left in insecure location',
    device: 'Loss/theft of device containing personal data',
  },
  'error Disposal error': { paper: 'Incorrect disposal of paperwork', device: 'Incorrect disposal of hardware' },
}

export const paper: ReadonlySet<string> = new Set(['M - Documents'])
export const devices: ReadonlySet<string> = new Set([
  'M - Disk drive',
  'M - Disk media',
  'M - Flash drive',
  'M - Tapes',
  'U - Desktop',
  'U - Desktop or laptop',
  'U - Laptop',
  'U - Mobile phone',
  'U - Tablet',
])

export const dataCategory: Readonly<Record<string, string>> = {
  'Bank': 'Economic and financial data (e.g. card, bank details)',
  'Credentials': 'Identification data (e.g. usernames, passwords)',
  'Medical': 'Health',
  'Payment': 'Economic and financial data (e.g. card, bank details)',
  'Personal': 'Basic personal identifiers (e.g. name, contact details)',
}

export const dataSubject: Readonly<Record<string, string>> = {
  Customer: 'Customers or prospective customers',
  Employee: 'Employees',
  Patient: 'Patients',
  Student: 'Students',
}

/** "Encrypted" alone does not say what became of the keys, so it is no answer. */
export const protection: Readonly<Record<string, string>> = {
  'Stored unencrypted': 'Not encrypted',
  'Transmitted unencrypted': 'Not encrypted',
}
