import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where everything that happened is written, line by line, at once: a harness that dies leaves what it saw. */
export class EvidenceFolder {
  constructor(readonly path: string) {
    mkdirSync(join(path, 'tables'), { recursive: true });
    mkdirSync(join(path, 'logs'), { recursive: true });
    for (const file of ['faults.jsonl', 'requests.jsonl', 'engine-events.jsonl', 'processes.jsonl']) {
      writeFileSync(join(path, file), '', { flag: 'a' });
    }
  }

  /** The folder that is mounted into every agent's container, and the file that they append to. */
  makePromptRecord(): string {
    const folder = join(this.path, 'record');
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    writeFileSync(join(folder, 'prompts.jsonl'), '', { mode: 0o666 });
    // The mode above is cut by the umask.
    chmodSync(join(folder, 'prompts.jsonl'), 0o666);
    return folder;
  }

  append(file: string, entry: object): void {
    appendFileSync(join(this.path, file), `${JSON.stringify(entry)}\n`);
  }

  appendText(file: string, text: string): void {
    appendFileSync(join(this.path, file), text);
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.path, file), content);
  }

  writeJson(file: string, content: object): void {
    this.write(file, `${JSON.stringify(content, null, 2)}\n`);
  }
}
