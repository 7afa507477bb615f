import { fail } from '#base'
import { hostPlatform, matchPlatform, parsePlatform } from '#oci'
import { whyNotEmulated } from '#runtime'

/** `unimplemented`, with the cure, where programs of a step's platform run neither by themselves nor emulated. */
export function checkRunnable(platform: string): void {
  const host = hostPlatform()
  const wanted = parsePlatform(platform)
  if (matchPlatform(host, wanted) !== undefined) return
  const hint = whyNotEmulated(wanted)
  if (hint === undefined) return
  fail('unimplemented', `RUN for ${platform} cannot run on ${host.os}/${host.architecture}`, { hint })
}
