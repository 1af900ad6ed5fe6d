// Loaded before every test file. A test that ends its process takes with it, unseen, the tests that had not run yet.
process.exit = (): never => {
  throw new Error('a test called process.exit')
}
// What a test starts as a process of its own may end as it likes.
process.execArgv = process.execArgv.filter((argument) => !argument.includes('guard.ts'))
