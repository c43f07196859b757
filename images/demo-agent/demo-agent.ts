/**
 * The demo and test agent: needs no model, does what its prompt says (README.md beside this file), and needs nothing
 * but Node. `node demo-agent.js` speaks ACP v1; `node demo-agent.js --command` speaks the `command` protocol.
 */
import { AcpAgent } from './acp-agent';
import { runCommandAgent } from './command-agent';
import { handleSigterm, ignoreSigterm } from './faults';
import { readSettings } from './settings';

function main(): void {
  const settings = readSettings(process.env);
  handleSigterm();
  if (settings.ignoresSigterm) ignoreSigterm();
  if (settings.exitAtStart !== null) {
    process.stderr.write(`DEMO_EXIT_AT_START is set: exiting with ${settings.exitAtStart}\n`);
    process.exit(settings.exitAtStart);
  }
  if (process.argv.includes('--command')) void runCommandAgent(settings);
  else new AcpAgent(settings).start();
}

main();
