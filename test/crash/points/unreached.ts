/** Effects that no scenario can be made to pass at will, and why; the check fails for one that is passed after all. */
export const UNREACHED: Readonly<Record<string, string>> = {};
