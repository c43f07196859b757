import { Worker } from 'bullmq';

/** A program of its own, to be killed: holds one job of each given queue for ever. */
const [url = '', ...names] = process.argv.slice(2);
let held = 0;

for (const name of names) {
  const hold = (): Promise<never> => {
    held += 1;
    if (held === names.length) process.stdout.write('all held\n');
    return new Promise(() => undefined);
  };
  const worker = new Worker(name, hold, { connection: { url } });
  worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
}
