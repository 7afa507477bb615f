/** The networks that containers can be in. */
export interface Networks {
  list(): Promise<readonly { readonly id: string; readonly name: string; readonly driver: string }[]>
}
