// dist/cairn: one compiled binary. Every flag's reason is in docs/decisions/001-platform.md.
import { spawnSync } from 'node:child_process'

const entries = ['src/cli/main.ts', 'src/cli/worker-entry.ts'].filter((path) => Bun.file(path).size > 0)
const { status } = spawnSync(
  process.execPath,
  [
    'build',
    '--compile',
    '--bytecode',
    '--minify',
    '--splitting',
    '--format',
    'esm',
    '--sourcemap=linked',
    '--no-compile-autoload-bunfig',
    '--no-compile-autoload-dotenv',
    ...entries,
    '--outfile',
    'dist/cairn',
  ],
  { stdio: 'inherit' },
)
process.exitCode = status ?? 1
