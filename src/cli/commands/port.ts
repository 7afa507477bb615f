import { fail } from '#base'
import { hostAddresses } from '#engine'
import { command, type Command } from '../command.ts'
import { print } from '../output.ts'

export const port: Command = command({
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container',
  options: {},
  min: 1,
  max: 2,
  completes: 'container',
  run: async (context, _, [ref, wanted]) => {
    const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(wanted ?? '0') ?? []
    if (number === undefined || Number(number) > 65535)
      fail('invalid_argument', `invalid port ${JSON.stringify(wanted)}`, { hint: 'PORT or PORT/tcp is meant' })
    const { attached } = await (await context.node()).containers.get(ref!)
    const lines = (attached?.ports ?? [])
      .filter((one) => !wanted || (one.containerPort === Number(number) && one.protocol === protocol.toLowerCase()))
      .toSorted((a, b) => a.containerPort - b.containerPort || (a.protocol < b.protocol ? -1 : 1))
      .flatMap((one) =>
        hostAddresses(one, attached?.ipv6 !== undefined).map((address) =>
          wanted ? address : `${one.containerPort}/${one.protocol} -> ${address}`,
        ),
      )
    if (wanted && lines.length === 0)
      fail('not_found', `no public port '${number}/${protocol.toLowerCase()}' published for ${ref}`)
    for (const line of lines) print(line)
  },
})
