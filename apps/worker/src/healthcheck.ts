import { loadAliveFile } from '@crewtab/config/worker-config';
import { findFault } from './alive-file';

/** For a container's health check: exit code 0 while the worker beside it renews its leases, else 1 and the reason. */
void findFault(loadAliveFile(), new Date()).then((fault) => {
  if (fault === null) return;
  process.stderr.write(`${fault}\n`);
  process.exitCode = 1;
});
