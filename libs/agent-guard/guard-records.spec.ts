import { RecordReader, type Foreign, type GuardRecord } from './guard-records';

function read(...chunks: readonly string[]): (GuardRecord | Foreign)[] {
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

  it.each([
    ['a line of another program', 'oh 0 3 no\n'],
    ['the end of a record whose beginning is lost', '3 one\n'],
    ['a record that goes over into another one', 'o 0 30 hello o 40 3 two\n'],
    ['a record whose middle is lost', 'o 0 5 he\n'],
  ])('tells what is no record: %s', (_what, line) => {
    expect(read(`${line}o 0 3 one\n`)).toEqual([{ kind: 'foreign' }, ...read('o 0 3 one\n')]);
  });

  it('knows a record by its length, where a log has replaced what is no text', () => {
    expect(read('o 0 2 \ufffd\ufffd\n')).toMatchObject([{ kind: 'piece', position: 0, end: 9 }]);
    expect(read('o 0 9 \ufffd\ufffd\n')).toEqual([{ kind: 'foreign' }]);
  });

  it('keeps nothing of a line that does not end', () => {
    const reader = new RecordReader();
    const part = Buffer.alloc(10_000, 'a');
    const found = Array.from({ length: 50 }, () => [...reader.push(part)]).flat();
    expect(found).toEqual([{ kind: 'foreign' }]);
    expect([...reader.push(Buffer.from('aa\no 0 3 one\n'))]).toEqual(read('o 0 3 one\n'));
  });
});
