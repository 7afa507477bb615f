import type { Progress } from '#base'

/** Shows the progress of one piece of work on standard error. */
export interface Renderer extends Disposable {
  readonly report: (record: Progress) => void
  /** The work succeeded: the last picture stands. Disposing without it leaves the failure's. */
  end(): void
}
