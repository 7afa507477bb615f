const NETWORKS = "there are bridge, host and none: 'cairn network ls'"

/** Docker's commands that Cairn does not have, each with what does its work, or why nothing does. */
const ABSENT: Readonly<Record<string, string>> = {
  context: "there is no daemon to choose; 'cairn --root DIR' is another store, ssh://HOST/NAME another machine's",
  'network connect': NETWORKS,
  'network create': NETWORKS,
  'network disconnect': NETWORKS,
  'network inspect': NETWORKS,
  'network prune': "'cairn system prune' removes a network that nothing is on",
  'network rm': NETWORKS,
  plugin: 'there are no plugins',
  search: "registries have no common search; 'cairn tags NAME' lists a repository's tags",
  secret: "there is no swarm; builds take 'cairn build --secret'",
  'volume update': "a volume has nothing to change; 'cairn volume create --label' labels one",
  ...Object.fromEntries(['config', 'node', 'service', 'stack', 'swarm'].map((name) => [name, 'there is no swarm'])),
}

/** What a person who types one of Docker's other commands is told; `words` are the first of the command line. */
export function insteadOf(words: readonly string[]): string | undefined {
  const [first = '', second = ''] = words
  const inGroup = first === 'container' || first === 'system' || first === 'image' ? second : `${first} ${second}`
  return [inGroup, first].map((name) => (Object.hasOwn(ABSENT, name) ? ABSENT[name] : undefined)).find(Boolean)
}
