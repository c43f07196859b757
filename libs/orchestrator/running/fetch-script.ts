/** Of the helper's own container: the script's files, and the repository until it is whole. */
export const HELPER_FOLDER = '/crewtab-git';
export const CREDENTIAL_FILE = `${HELPER_FOLDER}/credential`;
export const SCRIPT_FILE = `${HELPER_FOLDER}/fetch.sh`;
/** Of the script's own lines, which are progress; what a server says comes with "remote: " before it. */
export const PROGRESS = 'crewtab: ';
/** Of the line that tells the commit and where the branch to be pushed to is, each with its whole id, or `none`. */
export const FACTS = 'crewtab-facts: ';

/**
 * Settings that git takes from its environment, over all files. Nothing that a repository brings is run: no hook, no filter, no
 * monitor, no protocol but HTTP. The credential goes to the URL's own origin, from a file, and into no argument or setting.
 */
export function gitEnvironment(url: string, hasCredential: boolean): Record<string, string> {
  const settings: [string, string][] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.askPass', ''],
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    ['protocol.https.allow', 'always'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['advice.detachedHead', 'false'],
    ['http.lowSpeedLimit', '100'],
    ['http.lowSpeedTime', '60'],
    ['credential.helper', ''],
    ...(hasCredential
      ? [[`credential.${new URL(url).origin}.helper`, READS_CREDENTIAL] satisfies [string, string]]
      : []),
  ];
  const entries = settings.flatMap(([key, value], index): [string, string][] => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...Object.fromEntries(entries),
    GIT_CONFIG_COUNT: String(settings.length),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https',
    HOME: HELPER_FOLDER,
    GIT_NO_LAZY_FETCH: '1',
    // All of it goes through the proxy, which decides.
    no_proxy: '',
    NO_PROXY: '',
    LC_ALL: 'C',
  };
}

const READS_CREDENTIAL = `!f() { test "$1" = get && cat ${CREDENTIAL_FILE}; }; f`;

/**
 * Fetches into the helper's own file system, where no agent has ever been, and forgets the credential before it touches the workspace.
 * What an attempt that was cut off left there goes first. The facts are told last: the workspace is whole then.
 *
 * With CREWTAB_KEPT what the repository has at its top takes the place of what has the name in the workspace, and the rest stays.
 *
 * Variables: CREWTAB_URL, CREWTAB_REF, CREWTAB_DEPTH, CREWTAB_PUSH, CREWTAB_KEPT (empty: not given), CREWTAB_OLD (seconds since 1970).
 */
export const FETCH_SCRIPT = `set -eu
say() { echo "${PROGRESS}$*"; }
fail() { echo "fatal: $*" >&2; exit 1; }
tab=$(printf '\\t')
depth=\${CREWTAB_DEPTH:+--depth=$CREWTAB_DEPTH}
cd ${HELPER_FOLDER}
mkdir tree
cd tree
git init --quiet --template= .
git remote add origin "$CREWTAB_URL"

say "asking $CREWTAB_URL"
git ls-remote --symref origin HEAD "refs/heads/$CREWTAB_REF" "refs/tags/$CREWTAB_REF" "refs/heads/$CREWTAB_PUSH" > ../refs
kind= name=$CREWTAB_REF there=none
while IFS=$tab read -r what found; do
  if [ "$found" = "refs/heads/$CREWTAB_PUSH" ]; then there=$what; fi
  case "$found" in
    "refs/heads/$CREWTAB_REF") kind=branch ;;
    "refs/tags/$CREWTAB_REF") [ -n "$kind" ] || kind=tag ;;
    HEAD)
      [ -z "$CREWTAB_REF" ] || continue
      case "$what" in
        "ref: refs/heads/"*) kind=branch name=\${what#ref: refs/heads/} ;;
        *) [ -n "$kind" ] || { kind=commit; name=$what; } ;;
      esac ;;
  esac
done < ../refs
if [ -z "$kind" ] && { [ \${#name} -eq 40 ] || [ \${#name} -eq 64 ]; }; then
  case "$name" in *[!0-9a-f]*) ;; *) kind=commit ;; esac
fi

say "fetching \${name:-it}"
case "$kind" in
  branch)
    git fetch --quiet --no-tags $depth origin "+refs/heads/$name:refs/remotes/origin/$name"
    git checkout --quiet -B "$name" --track "refs/remotes/origin/$name" ;;
  tag)
    git fetch --quiet --no-tags $depth origin "+refs/tags/$name:refs/tags/$name"
    git checkout --quiet --detach "refs/tags/$name" ;;
  commit)
    git fetch --quiet --no-tags $depth origin "$name"
    git checkout --quiet --detach FETCH_HEAD ;;
  *)
    [ -n "$name" ] || fail "$CREWTAB_URL has no commit"
    fail "$CREWTAB_URL has no branch or tag $name" ;;
esac
rm -f ${CREDENTIAL_FILE} .git/FETCH_HEAD
commit=$(git rev-parse HEAD)
find . -path ./.git -prune -o -exec touch -h -d "@$CREWTAB_OLD" {} +

if [ -n "$CREWTAB_KEPT" ]; then
  for one in .git * .[!.]* ..?*; do rm -rf "/workspace/$one"; done
else
  cd /
  find /workspace -mindepth 1 -delete
fi
cp -a ${HELPER_FOLDER}/tree/. /workspace/
say "the workspace has $name at $commit"
echo "${FACTS}$commit $there"
`;
