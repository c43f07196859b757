import { RecordReader, type GuardRecord, type Intruder } from './guard-records';

function read(...chunks: readonly string[]): (GuardRecord | Intruder)[] {
  const reader = new RecordReader();
  return chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk))]);
}

describe('RecordReader', () => {
  it('knows lines and pieces of both streams, and the end', () => {
    expect(read('o 0 3 one\nO 10 4 half\ne 22 0 \nE 30 1 x\nx 39 1 7\n')).toEqual([
      { kind: 'piece', stream: 'stdout', bytes: Buffer.from('one\n'), position: 0, end: 10 },
      { kind: 'piece', stream: 'stdout', bytes: Buffer.from('half'), position: 10, end: 22 },
      { kind: 'piece', stream: 'stderr', bytes: Buffer.from('\n'), position: 22, end: 30 },
      { kind: 'piece', stream: 'stderr', bytes: Buffer.from('x'), position: 30, end: 39 },
      { kind: 'end', position: 39, end: 48 },
    ]);
  });

  it('does not mind where records are cut', () => {
    const whole = 'o 0 10 grün 😀\nO 18 2 a \n';
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
