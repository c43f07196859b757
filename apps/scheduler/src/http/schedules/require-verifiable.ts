import type { NewSchedule } from '@crewtab/domain/ports/management-store';
import { RUNTIMES, type RuntimeCapabilities } from '@crewtab/domain/runtimes';
import type { HttpDeps } from '../http-deps';
import { invalidInput } from '../server/problem';

/** Refuses what no worker of this installation could verify or keep. @throws RequestRefused at its field */
export async function requireVerifiable(
  { settings, resultChecker, artifacts: kept }: Pick<HttpDeps, 'settings' | 'resultChecker' | 'artifacts'>,
  { verify, artifacts }: Partial<Pick<NewSchedule, 'verify' | 'artifacts'>>,
): Promise<void> {
  const { leavesWorkspace, verifiesByCommand }: RuntimeCapabilities = RUNTIMES[settings.runtime];
  if (verify && !leavesWorkspace) {
    const message = `cannot be had under the ${settings.runtime} runtime, where a workspace ends together with its agents`;
    throw invalidInput([{ path: 'verify', message }]);
  }
  if (artifacts && !leavesWorkspace) {
    const message = `cannot be had under the ${settings.runtime} runtime, where a workspace ends together with its agents`;
    throw invalidInput([{ path: 'artifacts', message }]);
  }
  if (artifacts && !kept.store) {
    const message = 'cannot be had: the installation has no store for them (ARTIFACT_FOLDER or ARTIFACT_S3_BUCKET)';
    throw invalidInput([{ path: 'artifacts', message }]);
  }
  if (verify?.command && !verifiesByCommand) {
    const message = `cannot be had under the ${settings.runtime} runtime, which cannot keep a command from the network and the host`;
    throw invalidInput([{ path: 'verify.command', message }]);
  }
  const fault = verify?.schema ? await resultChecker.findFault(verify.schema) : null;
  if (fault !== null) throw invalidInput([{ path: 'verify.schema', message: `cannot be used: ${fault}` }]);
}
