import { spawnSync } from 'node:child_process'
import { cpSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { project, type Bench, type Figure } from './measure.ts'

/** What installation takes: the size of node_modules as it stands, and with `--install` the time of `npm ci` in an empty folder. */
export const install: Bench = async (options) => {
  const size: Figure = { name: 'node_modules', value: bytesBelow(join(project, 'node_modules'), ['.cache']) / 1e6, unit: 'MB' }
  const timed = options.flag('install') ? [timeOfInstall()] : []
  return {
    about: 'installation',
    figures: [size, ...timed],
    conditions: { npm: spawnSync('npm', ['--version'], { encoding: 'utf8' }).stdout.trim() },
    notes: timed.length > 0 ? [] : ['With --install, `npm ci` is timed too.'],
  }
}

function bytesBelow(folder: string, without: readonly string[]): number {
  return readdirSync(folder)
    .filter((name) => !without.includes(name))
    .map((name) => join(folder, name))
    .reduce((sum, path) => {
      const about = lstatSync(path)
      return sum + (about.isDirectory() ? bytesBelow(path, []) : about.size)
    }, 0)
}

function timeOfInstall(): Figure {
  const folder = mkdtempSync(join(tmpdir(), 'concordat-install-'))
  try {
    for (const name of ['package.json', 'package-lock.json', '.npmrc', 'bin'])
      cpSync(join(project, name), join(folder, name), { recursive: true })
    const began = performance.now()
    const { status } = spawnSync('npm', ['ci'], { cwd: folder, stdio: 'ignore' })
    if (status !== 0) throw new Error('npm ci failed')
    return { name: 'npm ci', value: (performance.now() - began) / 1000, unit: 's' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
