import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The compiled bridge of the build, which lies beside the compiled libs. @throws where the build was not made */
export function readBridgeProgram(): Promise<string> {
  return readFile(join(__dirname, '../../images/team-bridge/team-bridge.js'), 'utf8');
}
