/** Why two builds of one source give different files, and what the Dockerfile can do about it. */
export interface Leak {
  readonly what: string
  readonly cure: string
}

interface Rule extends Leak {
  readonly path: RegExp
}

/** The usual ones, the more telling first. Paths are absolute. */
const RULES: readonly Rule[] = [
  {
    path: /\.py[co]$/,
    what: 'compiled Python records the time of its source',
    cure: 'set ENV PYTHONDONTWRITEBYTECODE=1, or compile with --invalidation-mode unchecked-hash',
  },
  {
    path: /^\/var\/cache\/ldconfig\/aux-cache$/,
    what: 'ldconfig records inodes and times of libraries',
    cure: 'end the step with: rm -f /var/cache/ldconfig/aux-cache',
  },
  {
    path: /^\/var\/log\/(?:apt\/|dpkg\.log|alternatives\.log|bootstrap\.log|fontconfig\.log)/,
    what: 'package managers log when they ran',
    cure: 'end the step with: rm -rf /var/log/apt /var/log/*.log',
  },
  {
    path: /^\/var\/(?:lib\/apt\/lists|cache\/apt)\//,
    what: 'package lists change from day to day',
    cure: 'end the step with: rm -rf /var/lib/apt/lists/* /var/cache/apt/*',
  },
  {
    path: /^\/var\/(?:lib\/dpkg|cache\/debconf)\/[^/]*-old$/,
    what: 'backups that package managers keep of their own lists',
    cure: 'end the step with: rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old',
  },
  {
    path: /^\/(?:etc|var\/lib\/dbus)\/machine-id$/,
    what: 'a machine ID is drawn at random',
    cure: 'end the step with: : > /etc/machine-id; rm -f /var/lib/dbus/machine-id',
  },
  {
    path: /^\/etc\/ssh\/ssh_host_/,
    what: 'host keys are drawn at random, and every container of the image would share them',
    cure: 'remove them in the step, and make them when a container starts',
  },
  {
    path: /^\/etc\/g?shadow-?$/,
    what: 'the day on which a password changed is recorded',
    cure: 'give a SOURCE_DATE_EPOCH, which useradd honours, or end the step with: chage -d 0 USER',
  },
  {
    path: /^\/var\/(?:log\/(?:lastlog|faillog|[bw]tmp)|lib\/systemd\/catalog\/database)$/,
    what: 'records of logins and catalogs',
    cure: 'remove them in the step',
  },
  {
    path: /^\/(?:var\/cache\/(?:fontconfig|man)|usr\/share\/info\/dir|root\/\.(?:cache|npm|cargo\/registry))(?:\/|$)/,
    what: 'a cache that its tool fills anew each time',
    cure: 'remove it in the step, or keep it out of the image: RUN --mount=type=cache,target=…',
  },
  {
    path: /\.(?:jar|zip|whl|egg)$/,
    what: 'zip archives record the times of their members',
    cure: 'set SOURCE_DATE_EPOCH for the tool that makes it, or run strip-nondeterminism on it',
  },
  { path: /\.a$/, what: 'ar archives record times and owners', cure: 'make it with: ar D' },
  { path: /\.t?gz$/, what: 'gzip records name and time', cure: 'make it with: gzip -n' },
  {
    path: /\.(?:o|so(?:\.[\d.]+)?|dbg)$/,
    what: 'compilers record build paths, __DATE__ and __TIME__',
    cure: 'set SOURCE_DATE_EPOCH, and compile with -ffile-prefix-map',
  },
  { path: /^\/(?:tmp|var\/tmp|run)\//, what: 'temporary files', cure: 'remove them in the step' },
]

/** The usual cause of a difference at a path, when it has one. */
export function leakAt(path: string): Leak | undefined {
  const rule = RULES.find((candidate) => candidate.path.test(path))
  return rule && { what: rule.what, cure: rule.cure }
}
