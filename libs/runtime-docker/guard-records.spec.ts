import { RecordReader, type GuardRecord, type Intruder } from './guard-records';

function read(...chunks: readonly string[]): (GuardRecord | Intruder)[] {
  const reader = new RecordReader();
  return chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk))]);
}

describe('RecordReader', () => {
  it('knows lines and pieces of both streams, and the end', () => {
    expect(read('o 0 3 one\nO 10 4 half\ne 21 0 \nE 28 1 x\nx 36 1 7\n')).toEqual([
      { kind: 'piece', stream: 'stdout', bytes: Buffer.from('one\n'), position: 0, end: 10 },
      { kind: 'piece', stream: 'stdout', bytes: Buffer.from('half'), position: 10, end: 21 },
      { kind: 'piece', stream: 'stderr', bytes: Buffer.from('\n'), position: 21, end: 28 },
      { kind: 'piece', stream: 'stderr', bytes: Buffer.from('x'), position: 28, end: 36 },
      { kind: 'end', position: 36, end: 45 },
    ]);
  });

  it('does not mind where records are cut', () => {
    const whole = 'o 0 7 grün 😀\nO 17 2 a \n';
    const bytes = Buffer.from(whole);
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new RecordReader();
      const found = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((chunk) => [...reader.push(chunk)]);
      expect(found).toEqual(read(whole));
    }
  });

  it('gives nothing of a record that is not complete', () => {
    expect(read('o 0 3 on')).toEqual([]);
  });

  it('tells what is no record', () => {
    const line = 'oh 0 3 no\n';
    expect(read(line)).toEqual([{ kind: 'intruder', stream: 'stdout', bytes: Buffer.from(line) }]);
  });
});
