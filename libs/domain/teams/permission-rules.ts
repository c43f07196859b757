/** Of ACP. */
export const TOOL_KINDS = [
  'read',
  'edit',
  'delete',
  'move',
  'search',
  'execute',
  'think',
  'fetch',
  'switch_mode',
  'other',
] as const;

/** A condition on what an agent asks to do; all of its fields must be met. */
export interface PermissionRule {
  /** Of the tool's name or the title of its call; `*` is any text. */
  readonly tool?: string | undefined;
  readonly kind?: (typeof TOOL_KINDS)[number] | undefined;
  /** Of the command line; `*` is any text. */
  readonly command?: string | undefined;
  /** Of the files: `*` is any part of a name, `**` any folders. */
  readonly path?: string | undefined;
  readonly allow: boolean;
}

/** What is known of a tool call that an agent asks a permission for. */
export interface AskedCall {
  readonly names: readonly string[];
  readonly kind: string | null;
  readonly command: string | null;
  /** Absolute, or as the agent gives them. */
  readonly paths: readonly string[];
}

/** Modes in which agent programs never ask: no permission is refused in them. */
export const MODES_WITHOUT_QUESTIONS: readonly string[] = ['bypassPermissions', 'agent-full-access', 'yolo'];

/** What a shell makes more than one command of, or a command in a command. */
const SHELL_OPERATORS = /[;&|`$(){}<>\n\r]/;

/**
 * The first rule that fits; null where none does. A rule that allows must be sure: every path must fit, a path is taken without its `.`
 * and `..`, and its `*` stands for no operator of a shell, so that `git *` does not allow `git status; rm -rf .`. A rule that refuses
 * fits where any path does. What the agent does not tell fits no condition.
 */
export function findRule(
  rules: readonly PermissionRule[],
  call: AskedCall,
): { rule: PermissionRule; index: number } | null {
  const index = rules.findIndex((rule) => fits(rule, call));
  const rule = rules[index];
  return rule ? { rule, index } : null;
}

function fits({ tool, kind, command, path, allow }: PermissionRule, call: AskedCall): boolean {
  if (tool !== undefined && !call.names.some((name) => matchesText(tool, name))) return false;
  if (kind !== undefined && kind !== call.kind) return false;
  if (command !== undefined && !fitsCommand(command, call.command, allow)) return false;
  return path === undefined || fitsPaths(path, call.paths, allow);
}

function fitsCommand(pattern: string, command: string | null, allow: boolean): boolean {
  if (command === null) return false;
  if (allow && pattern !== '*' && pattern.includes('*') && SHELL_OPERATORS.test(command)) return pattern === command;
  return matchesText(pattern, command);
}

function fitsPaths(pattern: string, paths: readonly string[], allow: boolean): boolean {
  const matches = (path: string): boolean => matchesSegments(segmentsOf(pattern), segmentsOf(path));
  return paths.length > 0 && (allow ? paths.every(matches) : paths.some(matches));
}

/** `*` is any text, also none. In time of the product of both lengths at most. */
function matchesText(pattern: string, text: string): boolean {
  let [at, from, star, starAt] = [0, 0, -1, 0];
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      starAt = from;
    } else if (at < pattern.length && pattern[at] === text[from]) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      at = star + 1;
      from = ++starAt;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** Without `.` and `..`; the first one is empty for an absolute path. */
function segmentsOf(path: string): string[] {
  const [first = '', ...rest] = path.split('/');
  const segments = [first];
  for (const segment of rest) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..' && segments.length > 1) segments.pop();
    else segments.push(segment);
  }
  return segments;
}

function matchesSegments(pattern: readonly string[], path: readonly string[]): boolean {
  // Row by row: what a beginning of the pattern leaves of the path.
  let reached = new Set([0]);
  for (const segment of pattern) {
    const next = new Set<number>();
    for (const from of reached) {
      if (segment === '**') for (let to = from; to <= path.length; to++) next.add(to);
      else if (from < path.length && matchesText(segment, path[from] ?? '')) next.add(from + 1);
    }
    reached = next;
  }
  return reached.has(path.length);
}
