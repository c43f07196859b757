import { useEffect } from 'react';

/** By this name the style sheet knows the marks. */
const MARKS = 'search-hit';
/** In all rows on the screen. */
const MAX_MARKS = 500;

/** Marks words in the rows that are on the screen, without touching what React has made; does nothing where a browser cannot. */
export function useHitMarks(frame: React.RefObject<HTMLElement | null>, words: string): void {
  const wanted = words.trim().toLowerCase();
  useEffect(() => {
    const root = frame.current;
    if (!root || wanted === '' || !('highlights' in CSS)) return;
    let frameRequest = 0;
    const mark = (): void => {
      frameRequest = 0;
      CSS.highlights.set(MARKS, new Highlight(...rangesOf(root, wanted)));
    };
    const later = (): void => {
      frameRequest ||= requestAnimationFrame(mark);
    };
    later();
    const observer = new MutationObserver(later);
    observer.observe(root, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frameRequest);
      CSS.highlights.delete(MARKS);
    };
  }, [frame, wanted]);
}

function rangesOf(root: HTMLElement, wanted: string): Range[] {
  const ranges: Range[] = [];
  for (const row of root.querySelectorAll('article')) {
    const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node && ranges.length < MAX_MARKS; node = walker.nextNode()) {
      const text = (node.nodeValue ?? '').toLowerCase();
      // Letters whose small form is longer would move what stands behind them.
      if (text.length !== node.nodeValue?.length) continue;
      for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        ranges.push(range);
      }
    }
  }
  return ranges;
}
