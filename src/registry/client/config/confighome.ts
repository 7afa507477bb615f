import type { RegistryHost } from '../types.ts'

/** The user's directory of configuration (XDG base directory specification). */
export function configHome({ env, home }: Pick<RegistryHost, 'env' | 'home'>): string {
  return env.XDG_CONFIG_HOME || `${home}/.config`
}
