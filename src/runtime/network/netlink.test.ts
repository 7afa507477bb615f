import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CairnError } from '#base'
import { parseAddress } from './address.ts'
import { compare, destinationNat, lookup, meta, payload, R1, slot, toLocalAddress, verdict } from './expressions.ts'
import {
  attributeList,
  be16,
  decodeAttributes,
  decodeMessages,
  encodeAttributes,
  encodeMessage,
  type Message,
} from './netlink.ts'
import { concatenation, newChain, newElements, newRule, newSet, newTable } from './nftables.ts'
import { newAddress, newBridge, newDefaultRoute, replaceNeighbour, setUp } from './rtnetlink.ts'

const cairn = { family: 'inet', table: 'cairn' } as const
const hex = (message: Message, sequence: number): string => encodeMessage(message, sequence).toHex()
/** Without the netlink header, whose sequence and flags are the sender's choice. */
const body = (message: Message): string => encodeMessage(message, 0).subarray(16).toHex()

describe('against what nft 1.0.6 sends', () => {
  test('set of names', () => {
    expect(hex(newSet(cairn, { name: 'bridges', key: ['ifname'] }, 1), 2)).toBe(
      '58000000090a01040200000000000000010000000a000100636169726e0000000c0002006272696467657300080003000000000008000400000000290800050000000010' +
        '08000a00000000010a000d000004010000000000',
    )
  })

  test('map of ports', () => {
    const map = { name: 'dnat4', key: ['protocol', 'service'], data: ['ipv4', 'service'] } as const
    // nft adds notes for its own listing, which it does without as well.
    expect(body(newSet(cairn, map, 2))).toBe(
      '010000000a000100636169726e0000000a000200646e6174340000000800030000000008080004000000030d080005000000000808000600000001cd08000700000000' +
        '0808000a0000000002',
    )
  })

  test('chains', () => {
    expect(hex(newChain(cairn, { name: 'publish' }), 4)).toBe(
      '2c000000030a01040400000000000000010000000a000100636169726e0000000c0003007075626c69736800',
    )
    const hook = { type: 'nat', number: 3, priority: -100 } as const
    expect(hex(newChain(cairn, { name: 'output', hook }), 5)).toBe(
      '50000000030a01040500000000000000010000000a000100636169726e0000000b0003006f75747075740000080007006e6174000800050000000001140004800800' +
        '01000000000308000200ffffff9c',
    )
  })

  test('rules', () => {
    const publish = [
      meta('l4proto', slot(0)),
      payload('transport', 2, 2, slot(1)),
      lookup('dnat4', R1, { value: R1 }),
      destinationNat('ip', R1, slot(1)),
    ]
    // nft calls the first slot R1 where four bytes suffice, and names the set by transaction id too.
    expect(body(newRule(cairn, { chain: 'publish', expressions: publish }))).toBe(
      '010000000a000100636169726e0000000c0002007075626c69736800bc0004802400' +
        '0180090001006d657461000000001400028008000200000000100800010000000008340001800c0001007061796c6f61640024000280080001000000000908000200' +
        '0000000208000300000000020800040000000002300001800b0001006c6f6f6b757000002000028008000200000000010800030000000001' +
        '0a000100646e617434000000300001800800' +
        '01006e617400240002800800010000000001080002000000000208000300000000010800050000000009',
    )
    const jump = [...toLocalAddress(), verdict('jump', 'publish')]
    expect(hex(newRule(cairn, { chain: 'output', expressions: jump }), 7).slice(16)).toBe(
      '0700000000000000010000000a000100636169726e0000000b0002006f75747075740000940004802800018008000100666962001c0002800800030000000002080002' +
        '000000000308000100000000012c00018008000100636d700020000280080001000000000108000200000000000c00038008000100020000003c0001800e000100696d' +
        '6d6564696174650000002800028008000100000000001c0002801800028008000100fffffffd0c0002007075626c69736800',
    )
  })

  test('element with a comment', () => {
    const element = {
      key: concatenation(Uint8Array.of(6), be16(8080)),
      data: concatenation(parseAddress('10.88.0.2'), be16(80)),
      comment: 'abc',
    }
    expect(body(newElements(cairn, 'dnat4', [element]))).toBe(
      '010000000a000100636169726e0000000a000200646e6174340000003400' +
        '038030000180100001800c000100060000001f900000100002800c0001000a580002005000000a0006000004616263000000',
    )
  })

  test('table', () => {
    expect(body(newTable(cairn, 'x'))).toBe('010000000a000100636169726e00000008000200000000000800060000027800')
  })

  test('a name is compared with its end', () => {
    expect(encodeAttributes([compare(R1, 'equal', new Uint8Array(16))]).toHex()).toContain('636d7000')
  })
})

describe('against what ip 6.1 sends', () => {
  test('bridge', () => {
    // ip leaves out the mark of a nested attribute (0x8000).
    expect(body(newBridge('cairn0', { mac: Uint8Array.of(2, 0x42, 0, 0, 0, 1) }))).toBe(
      '000000000000000000000000000000000a00010002420000000100000b000300636169726e300000100012800a0001006272696467650000',
    )
  })

  test('interface up, addresses, default route, neighbour', () => {
    expect(body(setUp(2))).toBe('00000000020000000100000001000000')
    expect(body(newAddress(2, parseAddress('10.88.0.1'), 16))).toBe('0210000002000000080002000a580001080001000a580001')
    expect(body(newAddress(2, parseAddress('fd00:88::1'), 64))).toBe(
      '0a4002000200000014000200fd00008800000000000000000000000114000100fd000088000000000000000000000001',
    )
    expect(body(newDefaultRoute(parseAddress('10.88.0.9')))).toBe('02000000fe03000100000000080005000a580009')
    expect(body(replaceNeighbour(2, parseAddress('10.88.0.2'), Uint8Array.of(2, 0x42, 10, 0x58, 0, 2)))).toBe(
      '020000000200000004000000080001000a5800020a00020002420a5800020000',
    )
  })
})

describe('decoding', () => {
  test('attributes come back', () => {
    const list = fc.array(fc.tuple(fc.nat(0x3fff), fc.uint8Array({ maxLength: 40 })))
    fc.assert(
      fc.property(list, (attributes) => expect(attributeList(encodeAttributes(attributes))).toEqual(attributes)),
    )
  })

  test('no bytes hang it or lead it out of bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeMessages, decodeAttributes, attributeList]) {
          try {
            decode(bytes)
          } catch (error) {
            if (!(error instanceof CairnError) || error.code !== 'data_loss') throw error
          }
        }
      }),
    )
  })
})
