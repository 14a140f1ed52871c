/**
 * Who may import whom. ARCHITECTURE.md draws the same map for people; test/tidy.test.ts proves that these rules see the
 * code at all. Every rule counts imports of types too: what a file knows is what it depends on.
 */

const PRODUCT = '^(messages|attestation|runtime|actors|client|deploy|bench|examples)/'

/** What each floor may not import. */
const ABOVE = {
  messages: 'attestation|runtime|actors|client|deploy|bench|examples|test',
  attestation: 'runtime|actors|client|deploy|bench|examples|test',
  runtime: 'actors|client|deploy|bench|examples|test',
  actors: 'client|deploy|bench|examples|test',
  client: 'actors|deploy|bench|examples|test',
  deploy: 'bench|test',
  bench: 'test',
  examples: 'test',
}

/**
 * For each floor or service with drawers: what each drawer may import of the others. Files beside the drawers are open
 * to all.
 */
const DRAWERS = {
  messages: { domain: '', envelope: '', protocols: 'domain' },
  attestation: { sealing: '', trust: 'sealing' },
  runtime: {
    broker: '',
    store: '',
    files: 'broker',
    work_queue: 'broker',
    audit: 'broker',
    channel: 'broker',
    member: 'audit broker channel files work_queue',
  },
  'actors/access_control': { cedar: '', set_language: 'cedar' },
  'actors/execution': { executors: '', files: '' },
  'actors/management': {
    access: '',
    records: '',
    audit: 'access records',
    functions: 'access records',
    lifecycle: 'functions records',
    data: 'access lifecycle records',
    tasks: 'access functions lifecycle records',
    commands: 'access data functions lifecycle records tasks',
  },
  'client/cli': { terminal: '', platform: 'terminal', completion: 'platform', commands: 'platform terminal' },
  deploy: {
    nats_server: '',
    state: '',
    demo: '',
    broker: 'nats_server state',
    platform: 'state',
    reference: 'broker',
    launcher: 'nats_server platform state',
    commands: 'demo platform state',
  },
}

/** @param files the files through which alone the product reaches `packages`, as a regular expression */
function door(name, packages, files, comment) {
  return {
    name: `door-${name}`,
    comment,
    severity: 'error',
    from: { path: PRODUCT, pathNot: `^(${files})$` },
    to: { path: `node_modules/(${packages})/` },
  }
}

function without(drawers, left) {
  return Object.keys(drawers)
    .filter((drawer) => !left.includes(drawer))
    .join('|')
}

/** The same for modules of Node, among the files of `floors`. */
function nodeDoor(name, modules, floors, files, comment) {
  return {
    name: `door-${name}`,
    comment,
    severity: 'error',
    from: { path: `^(${floors})/`, pathNot: `^(${files})$` },
    to: { dependencyTypes: ['core'], path: `^(node:)?(${modules})(/|$)` },
  }
}

export default {
  forbidden: [
    ...Object.entries(ABOVE).map(([floor, above]) => ({
      name: `floor-${floor}`,
      comment: 'A floor imports only the floors below it.',
      severity: 'error',
      from: { path: `^${floor}/` },
      to: { path: `^(${above})/` },
    })),
    ...Object.entries(DRAWERS).flatMap(([place, drawers]) =>
      Object.entries(drawers)
        .map(([drawer, below]) => ({ drawer, closed: without(drawers, [drawer, ...below.split(' ')]) }))
        .filter(({ closed }) => closed !== '')
        .map(({ drawer, closed }) => ({
          name: `drawer-${place}/${drawer}`,
          comment: 'A drawer imports only the drawers that this file names for it.',
          severity: 'error',
          from: { path: `^${place}/${drawer}/` },
          to: { path: `^${place}/(${closed})/` },
        })),
    ),
    {
      name: 'later-signatures-below-the-channel',
      comment: 'The channel imports this drawer, and hands in what the drawer needs of it.',
      severity: 'error',
      from: { path: '^runtime/channel/later_signatures/' },
      to: { path: '^runtime/channel/[^/]+\\.ts$' },
    },
    {
      name: 'through-the-index',
      comment:
        'Another floor is entered through its index.ts: one for each service of actors/, and one for client/cli/.',
      severity: 'error',
      from: { path: PRODUCT },
      to: {
        path: '^(messages|attestation|runtime|actors|client|deploy|bench|examples)/',
        pathNot: ['^$1/', '^[^/]+/index\\.ts$', '^actors/[^/]+/index\\.ts$', '^client/cli/index\\.ts$'],
      },
    },
    {
      name: 'not-the-own-index',
      comment:
        'An index is for the other floors, and a public.ts for users; inside, a file imports the file that it means.',
      severity: 'error',
      from: { path: '^([^/]+)/', pathNot: '^test/' },
      to: { path: '^$1/(index|public)\\.ts$' },
    },
    {
      name: 'not-the-own-index-of-a-service',
      comment: 'As above, for a folder of actors/.',
      severity: 'error',
      from: { path: '^actors/([^/]+)/' },
      to: { path: '^actors/$1/index\\.ts$' },
    },
    {
      name: 'services-apart',
      comment:
        'Services speak by messages; the folder of one never imports that of another. The built-in functions are ' +
        'no service.',
      severity: 'error',
      from: { path: '^actors/([^/]+)/' },
      to: { path: '^actors/', pathNot: '^actors/($1/|builtins/index\\.ts$)' },
    },
    {
      name: 'no-cycles',
      comment: 'Not even of types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'attestation-where-it-is-sealed',
      comment:
        'Only what seals or believes knows attestation: in the runtime the channel, member, store and audit log.',
      severity: 'error',
      from: { path: '^runtime/', pathNot: '^runtime/(channel|member|store|audit)/' },
      to: { path: '^attestation/' },
    },
    door(
      'nats',
      '@nats-io',
      'runtime/broker/[a-z_]+\\.ts|runtime/(work_queue|audit)/jetstream_[a-z_]+\\.ts|runtime/files/object_file_store\\.ts|runtime/member/member\\.ts|bench/bare_calls\\.ts',
      'NATS is reached in the drawer of the broker, by the JetStream forms of queue, files, audit, and by the bench.',
    ),
    door('level', 'classic-level', 'runtime/store/level_store\\.ts', 'LevelDB is one implementation of Store.'),
    door('pino', 'pino', 'runtime/log\\.ts', 'Output goes through the log.'),
    door('msgpackr', 'msgpackr', 'messages/envelope/codec\\.ts', 'One codec, so that its bounds hold everywhere.'),
    door(
      'commander',
      'commander',
      '(client/cli|deploy/commands)/[a-z_/]+\\.ts|deploy/(tacit|program)\\.ts',
      'Commands are parsed where they are.',
    ),
    door(
      'cedar',
      '@cedar-policy',
      'actors/access_control/cedar/engine\\.ts',
      'The policy engine is called in the one way that is safe with every version of Node.',
    ),
    door(
      'jose',
      'jose',
      'attestation/(trust|sealing)/[a-z_]+\\.ts',
      'Tokens are signed and verified where keys and policy are.',
    ),
    nodeDoor(
      'files',
      'fs',
      'messages|attestation|runtime|actors',
      'runtime/store/level_folder\\.ts|runtime/files/(folder_files|spool_folder)\\.ts|attestation/trust/measurement\\.ts|actors/access_control/policy_files\\.ts',
      'A trusted half touches the disk in the store, to measure, for its policies, and in folders of its operator.',
    ),
    nodeDoor(
      'network',
      'net|tls|http|https|http2|dgram|dns',
      'messages|attestation|runtime|actors|client',
      'runtime/files/(address_rule|web_exchange)\\.ts',
      'There is one network, and its door is the transport; files on the web have one of their own.',
    ),
    nodeDoor(
      'processes',
      'child_process|cluster',
      'messages|attestation|runtime|actors|client',
      '-',
      'Only the launcher starts processes.',
    ),
    nodeDoor(
      'threads',
      'worker_threads|vm',
      'messages|attestation|runtime|actors|client|deploy',
      'actors/execution/.*',
      'Only execution runs the code of others.',
    ),
    {
      name: 'resolvable',
      comment:
        'No rule would judge an import that cannot be found. What was built from these sources is not judged again.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '(^|/)dist/' },
    },
    {
      name: 'declared',
      comment: 'What the product imports is among its dependencies, not those of its development.',
      severity: 'error',
      from: { path: PRODUCT },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
