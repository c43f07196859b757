/** Control sequences of terminals: CSI, OSC, and two-byte ones. */
// eslint-disable-next-line no-control-regex -- these are what is taken away
const TERMINAL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;

/** Text of an agent as it may stand in words for people: without the control characters of terminals. Line breaks stay. */
export function plainText(text: string): string {
  return text.replace(TERMINAL, '').replace(/[^\P{Cc}\n\t]/gu, '');
}
