import { report } from './report.ts'
import type { Context } from './command.ts'
import { print } from './output.ts'

/**
 * Does one thing for each word, goes on past failures, and prints what it answers, or else the
 * word; nothing for null. How docker's `stop a b c` behaves. Answers the exit code.
 */
export async function each(
  context: Context,
  words: readonly string[],
  work: (word: string) => Promise<string | null | void>,
): Promise<number> {
  let code = 0
  for (const word of words) {
    try {
      const done = await work(word)
      if (done !== null) print(done ?? word)
    } catch (error) {
      // Interrupted, not failed: that is said once, with the signal's exit code.
      if (context.signal.aborted) throw error
      code = report(error, { failure: 1, debug: context.debug })
    }
  }
  return code
}
