// A registry in a process of its own, for tests that kill it: child.ts ROOT [CONFIG]
import { openDirectoryStorage, serveRegistry } from '#registry/server'

const [, , root = '', config = '{}'] = process.argv
const storage = openDirectoryStorage({ root })
const running = await serveRegistry({ config: { port: 0, ...JSON.parse(config) }, storage })
console.log(running.url)
