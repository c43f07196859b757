/** Who an agent is inside its container. */
export interface AgentUser {
  /** For the engine's `User`; null = as the image says. */
  readonly runAs: string | null;
  readonly uid: number;
  readonly gid: number;
  /** A home to make and to name in HOME; null where the image has a usable one. */
  readonly madeHome: string | null;
}

/** Not root: Claude Code, for one, refuses its unattended mode to root. */
const AGENT_UID = 1000;
const MADE_HOME = '/home/agent';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * An image that names a user other than root keeps it. All others run as 1000:1000, in the home of that user where
 * the image has one, otherwise in one that is made.
 * @param declared the image's `User`: empty, `name`, `uid`, `name:group` or `uid:gid`
 * @param passwd the image's /etc/passwd, or empty
 */
export function chooseUser(declared: string, passwd: string, homeVariable: string | null): AgentUser {
  const entries = parsePasswd(passwd);
  const [name = '', group = ''] = declared.split(':');
  const entry = entries.find((candidate) => candidate.name === name || String(candidate.uid) === name);
  const uid = entry?.uid ?? toId(name) ?? 0;
  if (name !== '' && uid !== 0) return { runAs: null, uid, gid: toId(group) ?? entry?.gid ?? 0, madeHome: null };
  if (name !== '' && name !== 'root' && !entry && toId(name) === null) {
    // A name that the image does not know: the engine will say so better than we can.
    return { runAs: null, uid: AGENT_UID, gid: AGENT_UID, madeHome: null };
  }
  const home = entries.find((candidate) => candidate.uid === AGENT_UID)?.home ?? '';
  const isUsable = (path: string): boolean => path !== '' && path !== '/' && path !== '/root';
  const hasHome = homeVariable === null ? isUsable(home) : isUsable(homeVariable);
  return { runAs: `${AGENT_UID}:${AGENT_UID}`, uid: AGENT_UID, gid: AGENT_UID, madeHome: hasHome ? null : MADE_HOME };
}

/** Whether the user may create files in a directory with that owner and mode. */
export function mayWrite(
  user: AgentUser,
  directory: { readonly uid: number; readonly gid: number; readonly mode: number },
): boolean {
  if (directory.uid === user.uid) return (directory.mode & 0o300) === 0o300;
  if (directory.gid === user.gid) return (directory.mode & 0o030) === 0o030;
  return (directory.mode & 0o003) === 0o003;
}

function parsePasswd(passwd: string): PasswdEntry[] {
  return passwd.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':');
    const [uidNumber, gidNumber] = [toId(uid), toId(gid)];
    return name === '' || uidNumber === null || gidNumber === null
      ? []
      : [{ name, uid: uidNumber, gid: gidNumber, home }];
  });
}

function toId(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}
