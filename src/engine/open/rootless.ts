/**
 * Goes on as root of the user's own user namespace, if the user is not root and there can be one: then this process
 * becomes another and does not return. With `ifPossible` it returns where there cannot be one; else it says why.
 */
export async function enterUserNamespace(options: { readonly ifPossible?: boolean } = {}): Promise<void> {
  if (process.getuid!() === 0) return
  const { becomeRoot, whyNotRootless } = await import('../usernamespace.ts')
  if (!options.ifPossible || !whyNotRootless()) await becomeRoot()
}
