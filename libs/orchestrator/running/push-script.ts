import { CREDENTIAL_FILE, HELPER_FOLDER, PROGRESS } from './fetch-script';

/** Nothing was sent: what the agent left cannot be pushed. */
export const NOT_SENT = 3;
/** The remote was asked after a push that failed, and does not have the branch at the commit. */
export const REFUSED = 4;
/** The remote could not be asked. */
export const UNKNOWN = 5;

/**
 * Makes a repository of the helper's own from what an agent left in the workspace, as data: git never runs in the agent's. Of
 * its folder only objects are taken over, by their names and as regular files, and the commits where a shallow history ends;
 * neither settings, hooks, attributes nor alternates. Indexes of packs are made anew.
 */
export const TAKE_OBJECTS = `set -eu
say() { echo "${PROGRESS}$*"; }
fail() { echo "fatal: $*" >&2; exit ${NOT_SENT}; }
take() {
  own=${HELPER_FOLDER}/own.git
  for part in /workspace/.git /workspace/.git/objects; do
    [ ! -L "$part" ] && [ -d "$part" ] || fail "$part is no folder: the workspace has no repository of its own any more"
  done
  format=sha1
  [ \${#1} -ne 64 ] || format=sha256
  git init --quiet --bare --template= --object-format=$format "$own"
  cd /workspace/.git/objects
  find . -mindepth 2 -maxdepth 2 -type f \\( -path './[0-9a-f][0-9a-f]/*' -o -path './pack/pack-*.pack' \\) \\
    -exec cp --no-dereference --parents -t "$own/objects" {} +
  cd "$own"
  for pack in objects/pack/*.pack; do
    [ ! -e "$pack" ] || git index-pack "$pack" > ../packed || fail "a pack of the workspace's repository is spoiled"
  done
  if [ ! -L /workspace/.git/shallow ] && [ -f /workspace/.git/shallow ]; then
    while read -r end; do
      case "$end" in *[!0-9a-f]*|'') ;; *) echo "$end" ;; esac
    done < /workspace/.git/shallow > shallow
  fi
}
`;

/**
 * Pushes one commit to one branch: under a lease, so that the branch is where it was when the run began, and forward only. After a
 * failure the remote is asked. With CREWTAB_ASK=1 it is asked alone, and nothing of the workspace is looked at.
 *
 * Variables: CREWTAB_URL, CREWTAB_PUSH, CREWTAB_COMMIT, CREWTAB_BASE (empty: the branch was not there), CREWTAB_ASK.
 */
export const PUSH_SCRIPT = `${TAKE_OBJECTS}
answer() {
  git ls-remote "$CREWTAB_URL" "refs/heads/$CREWTAB_PUSH" > ${HELPER_FOLDER}/at || exit ${UNKNOWN}
  at=
  while read -r what found; do
    [ "$found" != "refs/heads/$CREWTAB_PUSH" ] || at=$what
  done < ${HELPER_FOLDER}/at
  [ "$at" != "$CREWTAB_COMMIT" ] || exit 0
  [ -z "$1" ] || echo "the branch $CREWTAB_PUSH is \${at:+at }\${at:-not there}"
  exit ${REFUSED}
}
cd ${HELPER_FOLDER}
[ -z "$CREWTAB_ASK" ] || answer told
take "$CREWTAB_COMMIT"
git cat-file -e "$CREWTAB_COMMIT^{commit}" 2> ../missing || fail "the commit $CREWTAB_COMMIT is not in the workspace's repository"
if [ -n "$CREWTAB_BASE" ]; then
  git merge-base --is-ancestor "$CREWTAB_BASE" "$CREWTAB_COMMIT" 2> ../missing ||
    fail "the branch $CREWTAB_PUSH was at $CREWTAB_BASE when the run began, which $CREWTAB_COMMIT does not follow: it would have to be forced"
fi
say "pushing $CREWTAB_COMMIT to $CREWTAB_PUSH"
git push --quiet --no-verify --no-follow-tags --no-signed --recurse-submodules=no \\
  "--force-with-lease=refs/heads/$CREWTAB_PUSH:$CREWTAB_BASE" "$CREWTAB_URL" "$CREWTAB_COMMIT:refs/heads/$CREWTAB_PUSH" || answer ''
rm -f ${CREDENTIAL_FILE}
`;
