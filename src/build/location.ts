import { CairnError, type SourceLocation } from '#base'

/** A place in a file of these lines, with its surroundings: two lines each way around one, one around several. */
export function locate(
  file: string,
  lines: readonly string[],
  { first, last }: { readonly first: number; readonly last: number },
): SourceLocation {
  const around = first === last ? 2 : 1
  return {
    file,
    line: first,
    endLine: last,
    excerpt: lines.slice(first - 1, last).join('\n'),
    around: {
      before: lines.slice(Math.max(0, first - 1 - around), first - 1),
      after: lines.slice(last, last + around),
    },
  }
}

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
