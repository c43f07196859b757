/** A fenced block of a Markdown text that says it is JSON. */
const FENCED = /^```json\s*\n([\s\S]*?)^```\s*$/gm;

/** The JSON that an agent answered: its whole text or, of a text around it, the last block that is marked as JSON. Undefined where there is none. */
export function answeredJson(text: string): unknown {
  const blocks = [...text.matchAll(FENCED)].map(([, block = '']) => block);
  for (const candidate of [text, ...blocks.slice(-1)]) {
    try {
      return JSON.parse(candidate) as unknown;
    } catch {
      // The next place.
    }
  }
  return undefined;
}
