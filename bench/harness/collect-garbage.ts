// Loaded by `node --expose-gc --require` before an app whose memory is measured: garbage is no memory that a schedule
// costs, and two processes differ in it by megabytes.
process.on('SIGUSR2', () => {
  void globalThis.gc?.();
});
