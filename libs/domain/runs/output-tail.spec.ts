import { PROGRAM_OUTPUT_BYTES } from '../ports/runtime';
import { OutputTail } from './output-tail';

describe('OutputTail', () => {
  it('keeps what fits, with a newline after every line', () => {
    const tail = new OutputTail();
    tail.add('one');
    tail.add('grün');
    expect(tail.text).toBe('one\ngrün\n');
    expect(tail.bytes).toBe(10);
  });

  it('drops whole lines from the beginning once there are too many bytes', () => {
    const tail = new OutputTail();
    for (let n = 0; n < 5_000; n++) tail.add(`line ${n}`);
    expect(tail.text.length).toBeLessThanOrEqual(PROGRAM_OUTPUT_BYTES);
    expect(tail.text).toMatch(/^line \d+\n/);
    expect(tail.text).toMatch(/line 4999\n$/);
    expect(tail.bytes).toBeGreaterThan(PROGRAM_OUTPUT_BYTES);
  });

  it('keeps the end of a line that is too long by itself', () => {
    const tail = new OutputTail();
    tail.add(`${'x'.repeat(PROGRAM_OUTPUT_BYTES)}end`);
    expect(tail.text).toHaveLength(PROGRAM_OUTPUT_BYTES);
    expect(tail.text).toMatch(/xend\n$/);
  });
});
