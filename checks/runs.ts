/** The gate says the seed before the first test; CONCORDAT_TEST_SEED repeats a run. */
export const seed: number = Number(process.env['CONCORDAT_TEST_SEED'] ?? Date.now() % 0x7fff_ffff)

/** How often a property, a race or a fault is tried: `inGate` times in the gate, in proportion more with `--long`. */
export function runs(inGate = 100): number {
  return Math.ceil((inGate * Number(process.env['CONCORDAT_RUNS'] ?? 100)) / 100)
}
