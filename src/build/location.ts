import { CairnError, type SourceLocation } from '#base'

/** The error with a place in the user's file, unless it has one already or only says that somebody gave up. */
export function withLocation(error: unknown, location: SourceLocation | undefined): unknown {
  if (!(error instanceof CairnError) || error.location || error.code === 'canceled' || !location) return error
  return new CairnError(error.code, error.message, {
    location,
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

/** Runs `work`; its errors get the place. */
export function located<T>({ location }: { readonly location: SourceLocation }, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw withLocation(error, location)
  }
}
