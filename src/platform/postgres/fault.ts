/** The cluster cannot be started. The message is for the person at the terminal: it says what to do, and holds no secret and no content. */
export class ClusterFault extends Error {
  readonly code = 'cluster-fault'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ClusterFault'
  }
}
