import { DIFF_FILE } from '@crewtab/domain/teams/workspace';
import { HELPER_FOLDER } from './fetch-script';
import { TAKE_OBJECTS } from './push-script';

/** The file is there, without what could not be read. */
export const PARTIAL = 6;

/**
 * Writes what differs between a commit and the workspace into DIFF_FILE, as `git apply` takes it: also what was never committed, but
 * not what .gitignore names. It is all made in a repository of the helper's own; of the workspace git reads files alone.
 *
 * Variable: CREWTAB_COMMIT.
 */
export const DIFF_SCRIPT = `${TAKE_OBJECTS}
take "$CREWTAB_COMMIT"
git cat-file -e "$CREWTAB_COMMIT^{tree}" 2> ../missing ||
  fail "the commit $CREWTAB_COMMIT, which was fetched, is not in the workspace's repository any more"
export GIT_DIR=${HELPER_FOLDER}/own.git GIT_WORK_TREE=/workspace GIT_INDEX_FILE=${HELPER_FOLDER}/index
cd /workspace
git read-tree "$CREWTAB_COMMIT"
partial=0
git add --all --ignore-errors -- . ':(exclude,top)${DIFF_FILE}' || partial=${PARTIAL}
git diff --cached --binary --no-color --no-ext-diff --no-textconv "$CREWTAB_COMMIT" -- . ':(exclude,top)${DIFF_FILE}' > ${HELPER_FOLDER}/diff
rm -rf ${DIFF_FILE}
cp ${HELPER_FOLDER}/diff ${DIFF_FILE}
exit $partial
`;
