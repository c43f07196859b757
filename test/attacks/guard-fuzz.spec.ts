import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RecordReader } from '@crewtab/agent-guard/guard-records';
import { SeededRandom } from '../kit/random';

const SOURCE = resolve(__dirname, '../../images/guard/guard.c');
const FLAGS = ['-std=c11', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
/** Leaks are looked for by tracing, which the guard refuses; and it ends soon. */
const ENVIRONMENT = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
const CASES = 150;
const LIMITED_CASES = 60;
/** What the guard reads at once: the most that may pass beyond the limit. */
const PIECE_BYTES = 8_192;
const NUL = Buffer.alloc(1);
const MOST_BYTES = 200_000;

jest.setTimeout(180_000);

/** images/guard/guard.c with AddressSanitizer, on output that an agent has made to break it. */
describe('the guard, sanitized', () => {
  let folder: string;
  let guard: string | null = null;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'guard-fuzz-'));
    const made = spawnSync('cc', [...FLAGS, '-o', join(folder, 'guard'), SOURCE], { encoding: 'utf8' });
    // A machine without a compiler, or without the sanitizers, has no guard to sanitize.
    if (made.status === 0) guard = join(folder, 'guard');
    else process.stderr.write(`the guard is not fuzzed: ${made.error?.message ?? made.stderr.split('\n')[0]}\n`);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it(`hands on ${CASES} outputs byte by byte, and touches no memory that is not its own`, () => {
    if (guard === null) return;
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new SeededRandom(seed);
      const [out, err] = [bytesOf(random), bytesOf(random)];
      writeFileSync(join(folder, 'out'), out);
      writeFileSync(join(folder, 'err'), err);
      const script = `cat "$0/out" & cat "$0/err" >&2; wait; exit 7`;
      const ended = spawnSync(guard, [folder, '60', '0', 'sh', '-c', script, folder], {
        env: ENVIRONMENT,
        maxBuffer: 64 * 1024 * 1024,
      });
      expect({ seed, code: ended.status, words: ended.stderr.toString() }).toEqual({ seed, code: 7, words: '' });
      for (const records of [ended.stdout, readFileSync(join(folder, 'output'))]) {
        expect({ seed, isWhole: restore(records, 'stdout').equals(out) }).toEqual({ seed, isWhole: true });
        expect({ seed, isWhole: restore(records, 'stderr').equals(err) }).toEqual({ seed, isWhole: true });
      }
    }
  });

  it(`ends ${LIMITED_CASES} outputs at their limit, with environments of any size and text, and touches no other memory`, () => {
    if (guard === null) return;
    for (let seed = 1; seed <= LIMITED_CASES; seed++) {
      const random = new SeededRandom(seed);
      const out = bytesOf(random);
      const most = random.int(1, MOST_BYTES);
      writeFileSync(join(folder, 'out'), out);
      const variables = Array.from({ length: random.int(1, 40) }, (_, at) => ({
        name: `V${at}`,
        value: bytesOf(random)
          .subarray(0, random.int(0, 2_000))
          .filter((byte) => byte !== 0),
      }));
      const environment = variables.map(({ name, value }) => Buffer.concat([Buffer.from(`${name}=`), value, NUL]));
      // The last one may lack its end.
      const whole = Buffer.concat(environment);
      writeFileSync(join(folder, 'environment'), random.isTrue(0.5) ? whole : whole.subarray(0, -1));
      const script = 'printf %s "$V0" > "$0/v0"; exec cat "$0/out"';
      const ended = spawnSync(guard, [folder, '60', String(most), 'sh', '-c', script, folder], {
        env: ENVIRONMENT,
        maxBuffer: 64 * 1024 * 1024,
      });
      expect({ seed, code: ended.status, words: ended.stderr.toString() }).toEqual({
        seed,
        code: expect.any(Number) as number,
        words: '',
      });
      expect([0, 137]).toContain(ended.status);
      const [value] = variables.map(({ value: bytes }) => Buffer.from(bytes));
      expect({ seed, isWhole: readFileSync(join(folder, 'v0')).equals(value ?? NUL) }).toEqual({ seed, isWhole: true });
      expect(existsSync(join(folder, 'environment'))).toBe(false);
      const kept = restore(ended.stdout, 'stdout');
      expect({ seed, isBeginning: out.subarray(0, kept.length).equals(kept) }).toEqual({ seed, isBeginning: true });
      // Beyond the limit is never a good end, also where the program had ended before all was read.
      if (ended.status === 0) expect({ seed, bytes: kept.length }).toEqual({ seed, bytes: out.length });
      expect(kept.length).toBeLessThanOrEqual(most + PIECE_BYTES);
    }
  });
});

/** Lines short and long, halves of characters, what looks like a record, zeros. */
function bytesOf(random: SeededRandom): Buffer {
  const pieces: Buffer[] = [];
  let length = random.int(0, MOST_BYTES);
  while (length > 0) {
    const size = Math.min(length, random.pick([1, 7, 63, 64, 8_191, 8_192, 8_193, 16_384, 65_535, 65_536]));
    const piece = Buffer.alloc(size);
    switch (random.int(0, 4)) {
      case 0:
        for (let at = 0; at < size; at++) piece[at] = random.int(0, 255);
        break;
      case 1:
        piece.fill('äöü€😀');
        break;
      case 2:
        piece.fill('o 0 6 forged\nx 18446744073709551615 99999 0\n');
        break;
      case 3:
        piece.fill(random.pick([0x00, 0x0a, 0x80, 0xbf, 0xc3, 0xf0, 0xff]));
        break;
      default:
        piece.fill('x');
    }
    pieces.push(piece);
    length -= size;
  }
  return Buffer.concat(pieces);
}

/** What the records of one stream say. A last line without its newline comes as a piece. */
function restore(records: Buffer, stream: 'stdout' | 'stderr'): Buffer {
  const pieces: Buffer[] = [];
  for (const record of new RecordReader().push(records))
    if (record.kind === 'piece' && record.stream === stream) pieces.push(record.bytes);
  return Buffer.concat(pieces);
}
