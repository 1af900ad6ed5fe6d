export type Env = Record<string, string | undefined>
/** Arguments after the command's name; answers with the exit code: 0 ok, 1 refused or failed check, 2 bad usage. */
export type Command = (argv: string[], env: Env) => Promise<number>
