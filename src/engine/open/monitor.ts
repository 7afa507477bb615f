import { conmon, type Monitor, type Runtime } from '#runtime'

export function monitor(of: Runtime): Monitor {
  return conmon(of)
}
