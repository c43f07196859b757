/** Calls of others that change nothing outside of this process, or nothing that a crash could leave half done. */
interface NoEffect {
  /** A package, a module of Node, or `the store` for its queries. */
  readonly module: RegExp;
  /** By name; `new X` for a constructor, `super` for one that a constructor calls. */
  readonly calls: RegExp;
  /** Only there; everywhere when left out. */
  readonly in?: RegExp;
  readonly because: string;
}

const NO_EFFECTS: readonly NoEffect[] = [
  {
    module: /^fs(\/promises)?$/,
    calls:
      /^(readFile|readFileSync|readdir|readdirSync|readlink|realpath|stat|lstat|existsSync|isDirectory|isFile|isSymbolicLink|read|watch|on)$/,
    because: 'only reads, or watches',
  },
  { module: /^fs(\/promises)?$/, calls: /^(close|closeSync)$/, because: 'releases what dies with this process anyway' },
  {
    module: /^fs(\/promises)?$/,
    calls: /^(open|isFIFO)$/,
    in: /(runtime-process\/input-pipe|agent-files\/open-agent-file)\.ts$/,
    because: 'opens what is there, to read it, or to write to a pipe',
  },
  {
    module: /^fs(\/promises)?$/,
    calls: /^createReadStream$/,
    in: /runtime-process\/workspace-files\.ts$/,
    because: 'only reads',
  },
  {
    module: /^fs(\/promises)?$/,
    calls: /./,
    in: /agent-files\/remove-tree\.ts$/,
    because: 'a part of one removal, whose point has the name that its caller gave',
  },
  {
    module: /^stream(\/promises)?$/,
    calls: /^(pipeline|from)$/,
    in: /http\/runs\/run-file\.ts$/,
    because: 'answers a reader with what is stored',
  },
  { module: /^timers\/promises$/, calls: /./, because: 'waits' },
  { module: /^net$/, calls: /^isIP(v6)?$/, because: 'looks at a text' },
  {
    module: /^(http|events|net)$/,
    calls: /^emit$/,
    in: /egress-proxy\/forward-proxy\.ts$/,
    because: 'hands a connection that is there to a server of this process',
  },
  {
    module: /^bullmq$/,
    calls: /^(set|getBackend|toKey)$/,
    in: /queue-bullmq\/bullmq-queues\.ts$/,
    because: 'a mark that only shows that Redis takes writes, and that goes by itself',
  },
  {
    module: /^rate-limiter-flexible$/,
    calls: /./,
    in: /(http\/access\/request-limits|egress-proxy\/traffic-pace)\.ts$/,
    because: 'counts in the memory of this process',
  },
  {
    module: /^(net|http|stream|events|child_process)$/,
    calls:
      /^(on|once|off|pause|isPaused|resume|unref|removeListener|createServer|address|close|close\w+Connections|destroy|destroySoon)$/,
    because: 'listeners and sockets of this process, gone with it',
  },
  { module: /^net$/, calls: /^isIP$/, because: 'only computes' },
  {
    module: /./,
    calls: /^(resolve[46]|callback)$/,
    in: /egress-proxy\/resolve-host\.ts$/,
    because: 'asks a name server, or hands an answer on inside of this process',
  },
  {
    module: /^(net|http)$/,
    calls: /^prependListener$/,
    in: /egress-proxy\/forward-proxy\.ts$/,
    because: 'a listener of this process, gone with it',
  },
  {
    module: /^(net|http)$/,
    calls: /^listen$/,
    in: /run-sockets\/run-socket-files\.ts$/,
    because:
      'has its point where it is called for; that of egress proxies in the thread that points are armed in: run-socket.ts',
  },
  {
    module: /^(net|stream)$/,
    calls: /^(un)?cork$/,
    in: /egress-proxy\/traffic-pace\.ts$/,
    because: 'holds back a connection of this process',
  },
  {
    module: /^dockerode$/,
    calls: /^createContainer$/,
    in: /runtime-docker\/engine\/create-container\.ts$/,
    because: 'has its point where it is called for, by the client of the engine',
  },
  {
    module: /^(worker_threads|os)$/,
    calls: /^(new Worker|on|unref|postMessage|terminate|[gs]etPriority)$/,
    in: /egress-proxy\/proxy-thread(-main)?\.ts$/,
    because: 'a thread of this process, gone with it',
  },
  {
    module: /^fs\/promises$/,
    calls: /./,
    in: /artifact-store\/folder-artifact-store\.ts$/,
    because:
      'a part of one call of the port, which has the point; what is not finished lies beside its place and goes with its run',
  },
  {
    module: /^(@aws-sdk\/.+|@smithy\/.+|stream)$/,
    calls: /./,
    in: /artifact-store\/s3-artifact-store\.ts$/,
    because: 'a part of one call of the port, which has the point; an upload that is not finished goes with its run',
  },
  {
    module: /^worker_threads$/,
    calls: /^(new Worker|once|terminate|postMessage)$/,
    in: /result-schema\/(ajv-result-checker\.ts|schema-thread\.js)$/,
    because: 'a thread of this process that only judges, gone with it',
  },
  { module: /^https?$/, calls: /^new Agent$/, because: 'a pool of connections of this process, empty as yet' },
  {
    module: /^stream$/,
    calls: /^pipe$/,
    in: /runtime-docker\/(agents\/containers|resources\/workspace-files)\.ts$/,
    because: 'from the engine into a reader of archives in this process',
  },
  {
    module: /^(http|stream(\/promises)?)$/,
    calls: /^(setHeader|flushHeaders|write|end|from|pipeline)$/,
    in: /^apps\/scheduler\/src\/http\//,
    because: 'an answer of the API about what is stored by then; a client that gets none asks again',
  },
  {
    module: /^(util|child_process)$/,
    calls: /^run$/,
    in: /runtime-process\/process-table\.ts$/,
    because: '`ps` only reads',
  },
  { module: /^process$/, calls: /^(on|once|exit)$/, because: 'the life of this process itself' },
  {
    module: /^(net|tty|stream|process)$/,
    calls: /^write$/,
    in: /(scheduler|healthcheck|run-process|reseal)\.ts$/,
    because: 'words for a person, at a terminal',
  },
  {
    module: /^dockerode$/,
    calls: /^(new Dockerode|get(Container|Image|Network|Volume))$/,
    because: 'a handle: it makes no call yet',
  },
  {
    module: /^dockerode$/,
    calls: /^(info|version|df|inspect|logs|getEvents|getArchive|infoArchive|list\w+|wait)$/,
    because: 'only reads',
  },
  {
    module: /^(fs|dockerode)$/,
    calls: /^(createReadStream|importImage)$/,
    in: /runtime-docker\/images\/images\.ts$/,
    because: 'makes the demo image for `npm start`; no scheduler or worker calls it',
  },
  {
    module: /^bullmq$/,
    calls: /^(get\w+|close|pause|isPaused|resume|isRunning|on)$/,
    because: 'reads, or tells this process alone what to take',
  },
  { module: /^bullmq$/, calls: /^new WaitingError$/, because: 'only an error' },
  {
    module: /^bullmq$/,
    calls: /^new Queue$/,
    because: "connects, and notes BullMQ's version with the queue: the same from everybody, and again at each start",
  },
  {
    module: /^@nestjs\/(core|common|platform-express)$/,
    calls: /^(create|createApplicationContext|listen|close)$/,
    because: 'the start and the end of this process',
  },
  {
    module: /./,
    calls: /./,
    in: /^apps\/worker\/src\/metrics-server\.ts$/,
    because: 'a port of this process that only reads, and is gone with it',
  },
  {
    module: /^pg$/,
    calls: /^query$/,
    in: /store-prisma\/database\/database\.ts$/,
    because: 'the one place where statements are sent: they are judged where they are used',
  },
  {
    module: /^pg(-pool)?$/,
    calls: /^(new (Pool|Client)|connect|on|off|release|end)$/,
    because: 'a connection of this process, gone with it',
  },
  {
    module: /^pg$/,
    calls: /^query$/,
    in: /store-prisma\/database\/notifications\.ts$/,
    because: 'LISTEN, and a heartbeat: of this connection alone',
  },
  {
    module: /^pg$/,
    calls: /^query$/,
    in: /store-prisma\/database\/migrate\.ts$/,
    because: 'a statement of the transaction that a migration is (its commit has a point), or the look at the history',
  },
  {
    module: /^@prisma\/client$/,
    calls: /^\$disconnect$/,
    because: 'a connection of this process, gone with it',
  },
  {
    module: /^the store$/,
    calls: /^query$/,
    in: /store-prisma\/runs\/run-transitions\.ts$/,
    because: 'one of two statements, never both: the points of run-store.appendMessages stand around it',
  },
  {
    module: /^(https?|stream|@kubernetes\/client-node)$/,
    calls: /./,
    in: /runtime-kubernetes\/cluster\/(cluster-client|connection)\.ts$/,
    because: 'the one place where requests are sent: those with an effect have a point where they are made',
  },
  {
    module: /^ws$/,
    calls: /./,
    in: /runtime-kubernetes\/cluster\/pod-exec\.ts$/,
    because:
      'the one place where programs of a pod are started: those with an effect have a point where they are asked',
  },
  {
    module: /^net$/,
    calls: /./,
    in: /runtime-kubernetes\/output\/(pod-tunnel|tunnel-end)\.ts$/,
    because: "carries bytes between an agent's bridge and the tool server, which has points of its own",
  },
  { module: /^prom-client$/, calls: /^metrics$/, because: 'only reads' },
  { module: /^zod$/, calls: /./, because: 'only computes' },
  {
    module: /./,
    calls: /./,
    in: /^libs\/(failpoints\/trap|config\/write-env-example|api-contract\/write-routes-page)\.ts$/,
    because: 'the trap itself, and the scripts that write .env.example and docs/api-routes.md',
  },
];

/** Why a call needs no crash point; null: it needs one. */
export function reasonForNone(module: string, call: string, path: string): string | null {
  const found = NO_EFFECTS.find(
    (each) => each.module.test(module) && each.calls.test(call) && (each.in?.test(path) ?? true),
  );
  return found?.because ?? null;
}
