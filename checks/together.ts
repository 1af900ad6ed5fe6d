// Rules, pages and checks in one process: a process a file costs more than the tests do. The gate names the files.
// A file that cannot be loaded is a failed test, so that it neither hides nor stops the others.
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

for (const file of JSON.parse(process.env['CONCORDAT_TEST_FILES'] ?? '[]') as string[]) {
  try {
    await import(pathToFileURL(file).href)
  } catch (error) {
    test(`${file} loads`, () => {
      throw error
    })
  }
}
