// dist/cairn: one compiled binary. Every flag's reason is in docs/decisions/001-platform.md.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'

// Each build names its source maps anew: those of the last one would pile up.
mkdirSync('dist', { recursive: true })
for (const name of readdirSync('dist')) if (name.endsWith('.map')) rmSync(`dist/${name}`)

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
    '--compile-jit-policy=20',
    '--no-compile-autoload-bunfig',
    '--no-compile-autoload-dotenv',
    'src/cli/main.ts',
    '--outfile',
    'dist/cairn',
  ],
  { stdio: 'inherit' },
)
process.exitCode = status ?? 1
