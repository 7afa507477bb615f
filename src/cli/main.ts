#!/usr/bin/env bun
// The entry: as little as possible before the command that was asked for is known.
import { dispatch } from './dispatch.ts'

process.on('unhandledRejection', (reason) => void abort(reason))
process.on('uncaughtException', (error) => void abort(error))

try {
  process.exit(await dispatch(process.argv.slice(2)))
} catch (error) {
  await abort(error)
}

async function abort(error: unknown): Promise<never> {
  const { report } = await import('./report.ts')
  process.exit(report(error, { failure: 125, debug: process.argv.includes('--debug') }))
}
