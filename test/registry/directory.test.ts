import { openDirectoryStorage } from '#registry/server'
import { tempDir } from '#testkit'
import { driverSuite } from './driversuite.ts'

driverSuite('directory', async (now) => {
  const dir = tempDir()
  const open = (): ReturnType<typeof openDirectoryStorage> => openDirectoryStorage({ root: dir.path, now })
  const storage = open()
  return {
    storage,
    again: async () => open(),
    [Symbol.asyncDispose]: async () => {
      await storage[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
})
