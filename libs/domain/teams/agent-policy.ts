import { formatMemorySize, parseMemorySize, type Agent } from './team';

/** What an operator lets agents ask for, whoever makes their team. */
export interface AgentPolicy {
  /** Most of each for one agent; null: only what the API itself takes. */
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  readonly pids: number | null;
  /** Patterns of images that may be used; null: any. */
  readonly images: readonly string[] | null;
  /** Whether an image must be named with its digest. */
  readonly needsDigest: boolean;
}

export const NO_POLICY: AgentPolicy = { memoryBytes: null, cpus: null, pids: null, images: null, needsDigest: false };

export interface PolicyFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Everything that an agent asks for beyond what is allowed, by field. What it leaves out is the runtime's business. */
export function findPolicyFaults(
  agent: { readonly image?: string | undefined } & Pick<Agent, 'resources'>,
  policy: AgentPolicy,
): PolicyFault[] {
  const { memory, cpus, pids } = agent.resources ?? {};
  const bytes = memory === undefined ? null : parseMemorySize(memory);
  const faults: PolicyFault[] = [];
  const check = (isOver: boolean, path: readonly string[], message: string): void => {
    if (isOver) faults.push({ path, message });
  };
  check(isOver(bytes?.ok ? bytes.bytes : undefined, policy.memoryBytes), ['resources', 'memory'], atMost(policy));
  check(isOver(cpus, policy.cpus), ['resources', 'cpus'], `must be at most ${policy.cpus}, which the operator allows`);
  check(isOver(pids, policy.pids), ['resources', 'pids'], `must be at most ${policy.pids}, which the operator allows`);
  const imageFault = agent.image === undefined ? null : findImageFault(agent.image, policy);
  if (imageFault !== null) faults.push({ path: ['image'], message: imageFault });
  return faults;
}

function isOver(value: number | undefined, ceiling: number | null): boolean {
  return value !== undefined && ceiling !== null && value > ceiling;
}

function atMost({ memoryBytes }: AgentPolicy): string {
  return `must be at most ${formatMemorySize(memoryBytes ?? 0)}, which the operator allows`;
}

/** An id of an image, or the beginning of one: it names an image of the host whatever it is called. */
const IMAGE_ID = /^(sha256:)?[0-9a-f]{6,64}$/i;

function findImageFault(image: string, { images, needsDigest }: AgentPolicy): string | null {
  const reference = parseImage(image);
  if (needsDigest && !/^sha256:[0-9a-f]{64}$/.test(reference.digest ?? '')) {
    return 'must be named with its digest (name@sha256:…), which the operator requires';
  }
  if (images === null) return null;
  if (IMAGE_ID.test(image)) return 'must be the name of an image, not its id';
  const isAllowed = images.some((pattern) => matches(reference, parseImage(pattern)));
  return isAllowed ? null : `is not among the images that the operator allows: ${images.join(', ')}`;
}

interface ImageReference {
  /** Registry and path, in full. */
  readonly name: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** In full, as the engine reads it: `busybox` is `docker.io/library/busybox`. Works for patterns too. */
function parseImage(text: string): ImageReference {
  const [rest = '', digest = null] = text.split('@');
  const slash = rest.lastIndexOf('/');
  const colon = rest.indexOf(':', slash + 1);
  const path = colon === -1 ? rest : rest.slice(0, colon);
  return { name: nameInFull(path), tag: colon === -1 ? null : rest.slice(colon + 1), digest };
}

function nameInFull(path: string): string {
  if (path.startsWith('*')) return path;
  const [first = '', ...others] = path.split('/');
  const isRegistry = others.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (isRegistry) return first === 'index.docker.io' ? ['docker.io', ...others].join('/') : path;
  return others.length === 0 ? `docker.io/library/${path}` : `docker.io/${path}`;
}

/** A pattern without a tag or digest allows all of them; an image without either is `latest`. */
function matches(image: ImageReference, pattern: ImageReference): boolean {
  const tag = image.tag ?? (image.digest === null ? 'latest' : null);
  return (
    glob(pattern.name).test(image.name) &&
    (pattern.tag === null || (tag !== null && glob(pattern.tag).test(tag))) &&
    (pattern.digest === null || pattern.digest === image.digest)
  );
}

/** `*` is any part of a path's segment, `**` is any part of the whole. */
function glob(pattern: string): RegExp {
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === '*' ? '[^/]*' : /^\*+$/.test(part) ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${source.join('')}$`);
}
